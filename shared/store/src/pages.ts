import { isKind } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import type { Entry, ListResult } from './store.js';

/** Entries of a page: few enough that no page takes long or much. */
export const PAGE_ENTRIES = 500;

/** Begun listings before COMPACTED is passed on: each has been overtaken by a compaction. */
const ATTEMPTS = 3;

/** A listing that is at hand as a whole, in pages; at least one. */
export function* pagesOf({ entries, revision }: ListResult): Generator<ListResult, void> {
  for (let at = 0; at === 0 || at < entries.length; at += PAGE_ENTRIES) {
    yield { entries: entries.slice(at, at + PAGE_ENTRIES), revision };
  }
}

/** All pages of a listing together. */
export async function joinPages(pages: AsyncIterable<ListResult>): Promise<ListResult> {
  const entries: Entry[] = [];
  let revision = 0;
  for await (const page of pages) {
    for (const entry of page.entries) entries.push(entry);
    revision = page.revision;
  }
  return { entries, revision };
}

/** Runs what reads pages; once more from the start when the revision was compacted before the last page had been read. */
export async function untilListed<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!isKind(error, storeErrors.COMPACTED) || attempt === ATTEMPTS) throw error;
    }
  }
}
