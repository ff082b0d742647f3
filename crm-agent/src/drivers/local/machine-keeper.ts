import { Backoff, type Clock, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';
import { Watches } from '../watches.js';

/** What a keeper needs of the engine. */
export interface MachineRunner {
  start(id: string): Promise<{ readonly state: string; readonly reason?: string }>;
  waitForExit(id: string, signal: AbortSignal): Promise<{ readonly state: string; readonly reason?: string }>;
}

export interface KeeperOptions {
  readonly runner: MachineRunner;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each machine that ended by itself, and why. */
  readonly ended?: (id: string, how: string) => void;
}

/** Delay before a machine is started again: short at first, so that one that runs for long comes back soon. */
const BACKOFF = { base: 1000, max: 60_000 };
/** A machine that ran this long has recovered, milliseconds. */
const STEADY_MS = 300_000;

/**
 * Starts machines again that end without being told to, whether QEMU died or the guest powered off: an instance that is
 * READY runs, as containers do by their restart policy.
 */
export class MachineKeeper {
  readonly #options: KeeperOptions;
  readonly #watches = new Watches();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Keeps a running machine running. */
  keep(id: string): void {
    this.#watches.keep(id, (signal) => this.#watch(id, signal));
  }

  /** Lets go of a machine; resolves when it will not be started any more. */
  release(id: string): Promise<void> {
    return this.#watches.release(id);
  }

  stop(): Promise<void> {
    return this.#watches.stop();
  }

  async #watch(id: string, signal: AbortSignal): Promise<void> {
    const { runner, logger, clock, random, ended } = this.#options;
    const backoff = new Backoff(BACKOFF, random);
    while (!signal.aborted) {
      const since = clock.monotonic();
      try {
        const { reason } = await runner.waitForExit(id, signal);
        if (signal.aborted) return;
        logger.warn({ vm: id, reason }, 'Virtual machine ended; starting it again');
        ended?.(id, `because of ${reason ?? 'an unknown cause'}`);
        if (clock.monotonic() - since > STEADY_MS) backoff.reset();
        await sleep(clock, backoff.next(), signal);
        await runner.start(id);
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ vm: id, reason: messageOf(error) }, 'Virtual machine does not start again');
        await sleep(clock, BACKOFF.max, signal).catch(() => undefined);
      }
    }
  }
}
