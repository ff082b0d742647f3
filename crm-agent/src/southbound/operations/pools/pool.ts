import type { PoolFigures } from '../storage-size.js';

/** A storage pool as it is. Sizes in bytes. */
export interface PoolStatus extends PoolFigures {
  /** Empty of a plain folder. */
  readonly filesystem: string;
  /** What can be written. */
  readonly free: bigint;
  /** Why it can never shrink; undefined when it can. */
  readonly cannotShrink: string | undefined;
}

/** A view of a pool at one moment. */
export interface PoolView {
  /** Where its files are. */
  readonly path: string;
  /** All files are as they were at one moment, whatever is written meanwhile. */
  readonly frozen: boolean;
}

/** Storage that hypervisors share. Calls that change it come one at a time; each may be repeated after it was done in part. */
export interface Pool {
  readonly id: string;
  readonly driver: string;
  /** Where its files are on this host. */
  readonly path: string;
  /** Makes it or takes it up. */
  start(signal: AbortSignal): Promise<void>;
  /** @throws POOL_UNAVAILABLE: nothing is guessed */
  status(signal: AbortSignal): Promise<PoolStatus>;
  /** Bytes that the host could still add. */
  hostRoom(signal: AbortSignal): Promise<bigint>;
  /**
   * Brings it to a size that is a whole number of extents. A shrink may end above that where data is in the way.
   * @throws POOL_CANNOT
   */
  resize(to: bigint, signal: AbortSignal): Promise<void>;
  /** A view that `dropView` gives back, by a name that is the same when it is asked for again. */
  view(name: string, signal: AbortSignal): Promise<PoolView>;
  dropView(name: string, signal: AbortSignal): Promise<void>;
  /** Names of the views that were not given back. */
  views(): Promise<readonly string[]>;
  stop(workloads: 'keep' | 'stop'): Promise<void>;
}

/** Entries at the top of a pool that are no data of its users. */
export const POOL_FURNITURE: ReadonlySet<string> = new Set(['.edgeplane', 'lost+found']);

export const EXTENT = 1024n ** 2n;

/** What an expansion leaves free on the host. */
export const HOST_FLOOR = 1024n ** 3n;
