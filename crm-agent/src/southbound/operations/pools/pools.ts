import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, EdgeplaneError, fail, type Logger, messageOf } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import type { Pool } from './pool.js';

/** How long a pool that could be written to counts as such. */
const PROBED_FOR_MS = 60_000;
const PROBE_FILE = '.edgeplane-probe';

/** The pools of the site. One that cannot be taken up is there all the same, and says why when it is asked for. */
export class Pools {
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #started = new Map<string, Promise<void>>();
  readonly #probed = new Map<string, { readonly atMs: number; readonly trouble: string | undefined }>();
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #logger: Logger;

  /** The first is the default. */
  constructor(pools: readonly Pool[], clock: Clock, logger: Logger) {
    this.#pools = new Map(pools.map((pool) => [pool.id, pool]));
    this.#clock = clock;
    this.#logger = logger;
  }

  async start(signal: AbortSignal): Promise<void> {
    for (const id of this.#pools.keys())
      await this.take(id, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        this.#logger.error({ err: error, pool: id }, 'A storage pool cannot be used');
      });
  }

  /** The id that is meant. @throws UNKNOWN_POOL */
  idOf(id: string): string {
    const known = [...this.#pools.keys()];
    const found = id === '' ? known[0] : known.find((one) => one === id);
    if (found === undefined)
      throw fail(operationsErrors.UNKNOWN_POOL, { id: id || '(default)', known: known.join(', ') || 'none' });
    return found;
  }

  /** The pool, taken up unless it is. @throws UNKNOWN_POOL, or why it cannot be taken up */
  async take(id: string, signal: AbortSignal): Promise<Pool> {
    const pool = this.#pools.get(this.idOf(id));
    if (!pool) throw fail(operationsErrors.UNKNOWN_POOL, { id, known: '' });
    const started = this.#started.get(pool.id) ?? pool.start(signal);
    this.#started.set(pool.id, started);
    try {
      await started;
      return pool;
    } catch (error) {
      // What stood in the way may be gone when it is asked for again.
      if (this.#started.get(pool.id) === started) this.#started.delete(pool.id);
      if (error instanceof EdgeplaneError) throw error;
      const params = { pool: pool.id, reason: messageOf(error) };
      throw fail(operationsErrors.POOL_UNAVAILABLE, params, { cause: error });
    }
  }

  /** Why nothing can be written to the pool just now; undefined when it can. Tried out once a minute. */
  async writeTrouble(id: string): Promise<string | undefined> {
    const nowMs = this.#clock.monotonic();
    const before = this.#probed.get(id);
    if (before && nowMs - before.atMs < PROBED_FOR_MS) return before.trouble;
    const trouble = await this.#probe(id).then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    this.#probed.set(id, { atMs: nowMs, trouble });
    return trouble;
  }

  /** Gives back the views of operations that are over. @param underWay those of the others */
  async sweep(underWay: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const pool of this.#pools.values())
      for (const name of await pool.views())
        if (!underWay.has(name))
          await pool.dropView(name, signal).catch((error: unknown) => {
            this.#logger.warn({ err: error, pool: pool.id, view: name }, 'A view of a pool stays');
          });
  }

  /** Whether the default pool can be written to; false when there is none. */
  async storageWorks(): Promise<boolean> {
    const [first] = this.#pools.keys();
    return first !== undefined && (await this.writeTrouble(first)) === undefined;
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#abort.abort(new Error('the pools are being let go of'));
    for (const pool of this.#pools.values()) await pool.stop(workloads);
  }

  async #probe(id: string): Promise<void> {
    const pool = await this.take(id, this.#abort.signal);
    const path = join(pool.path, PROBE_FILE);
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile('x');
      await file.sync();
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  }
}
