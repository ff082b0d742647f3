import { Backoff, type Clock, fail, isKind, KeyedTurns, type Random, sleep } from '@edgeplane/base';
import type { ObjectType } from '@edgeplane/objects';
import { type CacheSync, type Store, stm, storeErrors } from '@edgeplane/store';
import { Tx } from './tx.js';

/** A write that was certainly not carried out is begun again for this long, milliseconds. */
const PATIENCE_MS = 6000;

export interface DatabaseOptions {
  readonly store: Store;
  readonly sync: CacheSync;
  readonly region: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends repeats when the controller stops. */
  readonly signal: AbortSignal;
}

export interface Committed<T> {
  readonly value: T;
  readonly revision: number;
}

export interface CommitOptions {
  /** Is told the hints of the transaction when it fails. */
  readonly say?: (text: string) => void;
  /** Key JSON of the cloudlet whose refs the transaction may change; such transactions take turns. */
  readonly cloudlet?: string;
}

/** Option of a commit that changes an instance: it may change the refs of the instance's cloudlet. */
export function turnOf<T, K>(type: ObjectType<T, K>, key: K): Pick<CommitOptions, 'cloudlet'> {
  const cloudlet = type.cloudletKeyJsonOfKey(key);
  return cloudlet === undefined ? {} : { cloudlet };
}

/** Writes of the controller: transactions over objects, visible in the caches when they return. */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #turns = new KeyedTurns();

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /**
   * Runs a transaction and waits until the caches have it (controller spec section 7), so that whoever reads next sees
   * it. Conflicts are repeated.
   */
  async commit<T>(fn: (tx: Tx) => Promise<T>, options: CommitOptions = {}): Promise<Committed<T>> {
    const { cloudlet, say } = options;
    const run = () => this.#insist(() => this.#run(fn, say));
    const { wrote, ...result } = await (cloudlet === undefined ? run() : this.#turns.run(cloudlet, run));
    if (wrote) await this.#options.sync.reached(result.revision);
    return result;
  }

  /** Repeats what the store was not there for, for as long as a cluster may take to find another leader. */
  async #insist<T>(run: () => Promise<T>): Promise<T> {
    const { clock, random, signal } = this.#options;
    const end = clock.monotonic() + PATIENCE_MS;
    const backoff = new Backoff({ base: 50, max: 500 }, random);
    for (;;) {
      try {
        return await run();
      } catch (error) {
        if (!isKind(error, storeErrors.STORE_UNAVAILABLE) || clock.monotonic() > end || signal.aborted)
          throw error;
        await sleep(clock, backoff.next(), signal);
      }
    }
  }

  async #run<T>(
    fn: (tx: Tx) => Promise<T>,
    say: CommitOptions['say'],
  ): Promise<Committed<T> & { readonly wrote: boolean }> {
    const { store, sync, region, clock, random, signal } = this.#options;
    let last: Tx | undefined;
    try {
      const result = await stm(
        store,
        (inner) => {
          // The first run believes the caches; if they were old, the store itself is asked.
          last = new Tx(inner, region, last ? undefined : sync);
          return fn(last);
        },
        { clock, random, signal },
      );
      return { ...result, wrote: last?.wrote ?? false };
    } catch (error) {
      for (const hint of last?.hints ?? []) say?.(hint);
      throw error;
    }
  }

  /** Stores a new object. @throws EdgeplaneError KEY_EXISTS */
  async create<T, K>(
    type: ObjectType<T, K>,
    object: T,
    check: (tx: Tx) => Promise<void> = async () => {},
  ): Promise<void> {
    await this.commit(async (tx) => {
      await check(tx);
      if (await tx.entry(type, type.key(object))) throw fail(storeErrors.KEY_EXISTS);
      tx.put(type, object);
    });
  }

  /** Replaces an object by what `change` makes of it. @throws EdgeplaneError KEY_NOT_FOUND */
  async update<T, K>(
    type: ObjectType<T, K>,
    key: K,
    change: (object: T, tx: Tx) => T | Promise<T>,
  ): Promise<void> {
    await this.commit(async (tx) => {
      const object = await tx.get(type, key);
      if (object === undefined) throw fail(storeErrors.KEY_NOT_FOUND);
      tx.put(type, await change(object, tx));
    });
  }

  /**
   * Replaces an object by what `change` makes of it, unless something refers to it; a change that makes no difference is
   * never refused. `refuseIfUsed` is as for {@link deleteUnused}.
   * @throws EdgeplaneError KEY_NOT_FOUND
   */
  async updateUnused<T, K>(
    type: ObjectType<T, K>,
    key: K,
    refuseIfUsed: () => void,
    change: (object: T, tx: Tx) => T | Promise<T>,
  ): Promise<void> {
    await this.commit(async (tx) => {
      const object = await tx.get(type, key);
      if (object === undefined) throw fail(storeErrors.KEY_NOT_FOUND);
      const changed = await change(object, tx);
      if (type.toStored(changed) === type.toStored(object)) return;
      const guard = await tx.guard(type, key);
      await this.#options.sync.reached(guard?.revision ?? 0);
      refuseIfUsed();
      tx.put(type, changed);
    });
  }

  /**
   * Deletes an object that nothing refers to. `refuseIfUsed` looks into the caches and throws when something does; the
   * transaction fails and looks again when something began to refer to the object meanwhile, on whatever controller.
   * @throws EdgeplaneError KEY_NOT_FOUND
   */
  async deleteUnused<T, K>(
    type: ObjectType<T, K>,
    key: K,
    refuseIfUsed: () => void,
    also: (tx: Tx) => Promise<void> = async () => {},
  ): Promise<void> {
    await this.commit(async (tx) => {
      const [entry, guard] = await Promise.all([tx.entry(type, key), tx.guard(type, key)]);
      await this.#options.sync.reached(Math.max(entry?.revision ?? 0, guard?.revision ?? 0));
      refuseIfUsed();
      if (!entry) throw fail(storeErrors.KEY_NOT_FOUND);
      await also(tx);
      tx.delete(type, key);
      if (guard) tx.deleteGuard(type, key);
    });
  }
}
