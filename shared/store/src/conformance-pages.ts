import { isKind } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import { type ConformanceSubject, type DefineSubjectTest, del, put } from './conformance-subject.js';
import { storeErrors } from './errors.js';
import { PAGE_ENTRIES } from './pages.js';
import type { Entry, ListResult, Store } from './store.js';

const ENTRIES = 3 * PAGE_ENTRIES + 1;
const PER_TXN = 100;

/** Fills in what takes four pages. */
async function fill(store: Store): Promise<void> {
  const key = (i: number) => `p/${String(i).padStart(5, '0')}`;
  for (let at = 0; at < ENTRIES; at += PER_TXN) {
    const count = Math.min(PER_TXN, ENTRIES - at);
    await store.txn({ ops: Array.from({ length: count }, (_, i) => put(key(at + i), `${at + i}`)) });
  }
  await store.txn({ ops: [put('o', 'before'), put('q', 'after')] });
}

/** Reads all pages; `between` runs once, when the first is there. */
async function readPages(store: Store, between: () => Promise<void>): Promise<ListResult> {
  const entries: Entry[] = [];
  const revisions = new Set<number>();
  for await (const page of store.listPages('p/')) {
    if (revisions.size === 0) await between();
    entries.push(...page.entries);
    revisions.add(page.revision);
    assert.is(revisions.size, 1, 'all pages are of one revision');
  }
  const [revision = 0] = revisions;
  return { entries, revision };
}

export function pageTests(define: DefineSubjectTest, abilities: readonly (keyof ConformanceSubject)[]): void {
  define('a listing of nothing is one empty page', async ({ store }) => {
    const pages: ListResult[] = [];
    for await (const page of store.listPages('p/')) pages.push(page);
    assert.equal(pages, [{ entries: [], revision: (await store.get('p/')).revision }]);
  });

  define('pages are the listing as of the first, whatever is written meanwhile', async ({ store }) => {
    await fill(store);
    const listed = await store.list('p/');
    assert.is(listed.entries.length, ENTRIES);
    const read = await readPages(store, async () => {
      const ops = [
        put('p/00000', 'x'),
        del('p/00700'),
        put('p/00900', 'x'),
        put('p/00900a', 'x'),
        put('p/z', 'x'),
      ];
      await store.txn({ ops });
    });
    assert.equal(read, listed);
    const last = await readPages(store, async () => undefined);
    assert.equal(last, await store.list('p/'));
    assert.is(last.entries.length, ENTRIES + 1);
  });

  define('pages may be left before the last', async ({ store }) => {
    await fill(store);
    for await (const { entries } of store.listPages('p/')) {
      assert.ok(entries.length > 0 && entries.length < ENTRIES);
      break;
    }
    assert.is((await store.list('p/')).entries.length, ENTRIES);
  });

  if (!abilities.includes('compact')) return;
  define('pages of a compacted revision are right or say COMPACTED', async ({ store, compact }) => {
    await fill(store);
    const listed = await store.list('p/');
    const read = await readPages(store, async () => {
      const { revision } = await store.txn({ ops: [del('p/01500')] });
      await compact?.(revision);
    }).catch((error: unknown) => {
      assert.ok(isKind(error, storeErrors.COMPACTED), String(error));
    });
    if (read) assert.equal(read, listed);
    assert.is((await store.list('p/')).entries.length, ENTRIES - 1);
  });
}
