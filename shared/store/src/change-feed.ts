import { type Deferred, deferred, fail } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import type { WatchBatch, WatchEvent } from './store.js';

/** All writes of one revision. */
export interface Change {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

/** The bounded history of a store whose changes all pass through this process. */
export interface ChangeLog {
  /** The newest revision. */
  revision(): number;
  /** Every change with a revision greater than this is still kept. */
  compacted(): number;
  /** Changes after a revision, oldest first, at most `limit`. */
  read(after: number, limit: number): readonly Change[];
}

const READ_LIMIT = 64;

/** Turns a {@link ChangeLog} into watches. Holds no per-watch queue: a slow reader reads the log later. */
export class ChangeFeed {
  readonly #log: ChangeLog;
  #moved: Deferred<void> = deferred();
  #closed = false;

  constructor(log: ChangeLog) {
    this.#log = log;
  }

  /** To be called after the newest revision has changed. */
  notify(): void {
    const moved = this.#moved;
    this.#moved = deferred();
    moved.resolve();
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true;
    this.notify();
  }

  /** As `Store.watch`. */
  async *follow(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void> {
    let at = after;
    let first = true;
    // Wakes every watch, which is harmless; a promise of this watch's own would collect a reaction per wait.
    const onAbort = () => this.notify();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted && !this.#closed) {
        const moved = this.#moved.promise;
        const newest = this.#log.revision();
        const compacted = this.#log.compacted();
        if (at < compacted || at > newest) {
          throw fail(storeErrors.COMPACTED, { after: at, oldest: compacted + 1 });
        }
        if (at === newest) {
          if (first) yield { revision: at, events: [] };
          first = false;
          if (!signal.aborted) await moved;
          continue;
        }
        first = false;
        for (const batch of this.#batches(prefix, at)) {
          if (signal.aborted || this.#closed) return;
          at = batch.revision;
          yield batch;
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The next changes below the prefix; a mark where a stretch ends without any. */
  #batches(prefix: string, after: number): WatchBatch[] {
    const changes = this.#log.read(after, READ_LIMIT);
    const batches: WatchBatch[] = [];
    for (const { revision, events } of changes) {
      const mine = events.filter((e) => (e.type === 'put' ? e.entry.key : e.key).startsWith(prefix));
      if (mine.length > 0) batches.push({ revision, events: mine });
    }
    const end = changes.at(-1)?.revision ?? after;
    if (end > (batches.at(-1)?.revision ?? after)) batches.push({ revision: end, events: [] });
    return batches;
  }
}
