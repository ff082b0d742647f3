import { sleep, systemClock } from '@edgeplane/base';
import type { Lease, Op, Store, WatchBatch } from './store.js';

/** A store under test with what only its implementation can do to it. */
export interface ConformanceSubject {
  readonly store: Store;
  /** Closes the store, if it is open, and removes its data. */
  cleanup(): Promise<void>;
  /** Closes the store and opens the same data again. */
  restart?(): Promise<Store>;
  /** Another client of the same data, as another process would have; the subject closes it. */
  connect?(): Promise<Store>;
  /** A lease of a client that dies without revoking it; `die` returns when the client is dead. */
  mortal?(
    ttlSeconds: number,
  ): Promise<{ readonly store: Store; readonly lease: Lease; die(): Promise<void> }>;
  /** Makes the history up to and including a revision unavailable, or as much of it as possible. */
  compact?(revision: number): Promise<void>;
}

export type MakeSubject = () => Promise<ConformanceSubject>;
export type DefineTest = (name: string, body: () => Promise<void>) => void;
export type DefineSubjectTest = (what: string, body: (subject: ConformanceSubject) => Promise<void>) => void;

export const put = (key: string, value: string, lease?: Lease): Op => ({
  type: 'put',
  key,
  value,
  ...(lease && { lease }),
});
export const del = (key: string): Op => ({ type: 'delete', key });

/** Reads a watch until a revision has been passed; returns the batches that have events. */
export async function collect(
  store: Store,
  prefix: string,
  after: number,
  enough: (batches: readonly WatchBatch[]) => boolean,
): Promise<WatchBatch[]> {
  const stop = new AbortController();
  const batches: WatchBatch[] = [];
  try {
    for await (const batch of store.watch(prefix, after, stop.signal)) {
      if (batch.events.length > 0) batches.push(batch);
      if (enough(batches)) break;
    }
  } finally {
    stop.abort();
  }
  return batches;
}

/** True once the batches reach a revision. */
export const upTo =
  (revision: number) =>
  (batches: readonly WatchBatch[]): boolean =>
    (batches.at(-1)?.revision ?? 0) >= revision;

/** Waits until `condition` holds. @throws Error that names `what` after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = systemClock.monotonic() + timeoutMs;
  while (!(await condition())) {
    if (systemClock.monotonic() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(systemClock, 20);
  }
}

/** The error that `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('expected a rejection');
}
