import type { Clock, Logger, Random } from '@edgeplane/base';
import type { Operation } from './drivers/driver.js';
import { Retries } from './retries.js';
import { withTimeLimit } from './time-limit.js';

export interface LeftoversOptions {
  /** Removes all there is of an instance. */
  readonly cleanUp: (keyJson: string, operation: Operation) => Promise<void>;
  /** Called when it is time to remove again what could not be. */
  readonly again: (keyJson: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long one try may take, milliseconds: a report may be waiting for it. */
const LIMIT_MS = 60_000;

/** What is left of instances that nobody asks to delete: creates that failed, or were given up. */
export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #keys = new Set<string>();
  readonly #retries: Retries;

  constructor(options: LeftoversOptions) {
    this.#options = options;
    this.#retries = new Retries(options.clock, options.random);
  }

  /** Whether something could not be removed. */
  has(keyJson: string): boolean {
    return this.#keys.has(keyJson);
  }

  /** Removes what is left; what cannot be removed is tried again later. Rejects by the signal only. */
  async remove(keyJson: string, operation: (signal: AbortSignal) => Operation, signal: AbortSignal) {
    const { cleanUp, clock, logger, again } = this.#options;
    try {
      await withTimeLimit(clock, LIMIT_MS, signal, (limited) => cleanUp(keyJson, operation(limited)));
      this.forget(keyJson);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ err: error, key: keyJson }, 'cleaning up failed; it will be tried again');
      this.#keys.add(keyJson);
      this.#retries.schedule(keyJson, () => again(keyJson));
    }
  }

  /** It is gone, or made use of again. */
  forget(keyJson: string): void {
    this.#keys.delete(keyJson);
    this.#retries.cancel(keyJson);
  }

  stop(): void {
    this.#retries.stop();
  }
}
