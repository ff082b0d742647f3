import {
  Backoff,
  type Clock,
  deferred,
  isKind,
  type Logger,
  messageOf,
  type Random,
  sleep,
} from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { type Lease, type Store, stm, storeErrors } from '@edgeplane/store';
import { Tx } from './db/tx.js';
import { OWNER, type Owner } from './ownership/operation.js';

export interface RegistryOptions {
  readonly store: Store;
  readonly region: number;
  /** This process, as owner of operations: stored and gone together with the controller's entry. */
  readonly owner: Owner;
  /** Time to live of what a controller stores about itself and its agents (controller spec section 7). */
  readonly leaseSeconds: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * This controller's entry among the controllers, under a lease that vanishes with the process (controller spec section
 * 18.1). A lost lease is replaced; who stored other things under it hears of the new one.
 */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #stopping = new AbortController();
  readonly #renewed = new Set<() => Promise<void>>();
  #addr = '';
  #lease: Lease | undefined;
  #watching: Promise<void> | undefined;
  readonly #storing = new Set<Promise<void>>();
  #doubt = deferred<Error>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Registers `addr` as where other controllers reach this one. @throws what the store throws */
  async start(addr: string): Promise<void> {
    this.#addr = addr;
    const lease = await this.#register();
    this.#watching = this.#watch(lease);
  }

  /** Calls back after a lost lease was replaced. */
  onRenewed(listener: () => Promise<void>): void {
    this.#renewed.add(listener);
  }

  /** Runs `write` with the lease; once more with the next one if it was lost just then. */
  async withLease<T>(write: (lease: Lease) => Promise<T>): Promise<T> {
    const lease = await this.#current();
    try {
      return await write(lease);
    } catch (error) {
      if (!isKind(error, storeErrors.LEASE_LOST)) throw error;
      // The store may know before its keepalive does.
      if (this.#lease === lease) this.#doubt.resolve(error);
      this.#drop(lease);
      return write(await this.#current());
    }
  }

  /** Ends the lease; everything stored under it vanishes. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the registry is stopping'));
    await this.#watching;
    await Promise.all(this.#storing);
    await this.#lease?.revoke().catch((error: unknown) => {
      this.#options.logger.warn({ reason: messageOf(error) }, 'Lease not revoked: it ends by itself');
    });
    this.#lease = undefined;
  }

  async #current(): Promise<Lease> {
    const { clock } = this.#options;
    while (!this.#lease) await sleep(clock, 50, this.#stopping.signal);
    return this.#lease;
  }

  #drop(lease: Lease): void {
    if (this.#lease === lease) this.#lease = undefined;
  }

  async #register(): Promise<Lease> {
    const { store, region, owner, leaseSeconds } = this.#options;
    const lease = await store.lease(leaseSeconds);
    const controller = OBJECTS.Controller.withKey({ addr: this.#addr });
    await stm(store, async (inner) => {
      const tx = new Tx(inner, region);
      tx.put(OBJECTS.Controller, controller, lease);
      tx.put(OWNER, owner, lease);
    });
    this.#lease = lease;
    return lease;
  }

  async #storeAgain(lease: Lease): Promise<void> {
    for (const listener of this.#renewed) await this.#insist(listener, lease);
  }

  /** Nobody else would store it: repeats until it is stored, or there is another lease to begin anew with. */
  async #insist(listener: () => Promise<void>, lease: Lease): Promise<void> {
    const { logger, clock, random } = this.#options;
    const { signal } = this.#stopping;
    const backoff = new Backoff({ base: 100, max: 5000 }, random);
    while (!signal.aborted && this.#lease === lease) {
      try {
        await listener();
        return;
      } catch (error) {
        logger.error({ reason: messageOf(error) }, 'Storing again after a lost lease failed');
      }
      await sleep(clock, backoff.next(), signal).catch(() => undefined);
    }
  }

  async #watch(first: Lease): Promise<void> {
    const { signal } = this.#stopping;
    const { logger, clock, random } = this.#options;
    const stopped = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    let lease = first;
    for (;;) {
      const lost = await Promise.race([lease.lost, this.#doubt.promise, stopped]);
      if (!lost || signal.aborted) return;
      logger.warn({ reason: lost.message }, 'Lease lost: registering again');
      this.#drop(lease);
      this.#doubt = deferred();
      const backoff = new Backoff({ base: 100, max: 5000 }, random);
      let next: Lease | undefined;
      while (!next && !signal.aborted) {
        try {
          next = await this.#register();
        } catch (error) {
          logger.warn({ reason: messageOf(error) }, 'Registering failed');
          await sleep(clock, backoff.next(), signal).catch(() => undefined);
        }
      }
      if (!next) return;
      lease = next;
      // Not waited for: what is stored under the lease may find that it is lost again, and waits for the next one.
      const storing = this.#storeAgain(lease).finally(() => this.#storing.delete(storing));
      this.#storing.add(storing);
    }
  }
}
