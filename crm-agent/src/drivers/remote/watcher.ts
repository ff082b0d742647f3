import { type Clock, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';
import { Watches } from '../watches.js';
import type { RemoteTiming } from './timing.js';

/** What a watcher needs of whatever makes machines. */
export interface WatchedMachines {
  /** Looks at one, makes it run again if it does not, and notes what was seen. Whether it ran all the time. */
  tend(keyJson: string, signal: AbortSignal): Promise<boolean>;
  /** Tells users what is wrong; nothing when nothing is. */
  trouble(keyJson: string, text: string | undefined): void;
  ended(keyJson: string, how: string): void;
}

export interface WatcherOptions {
  readonly machines: WatchedMachines;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing: RemoteTiming;
}

/** Looks after machines that are to run: an instance that is READY runs, or users are told why it does not. */
export class Watcher {
  readonly #o: WatcherOptions;
  readonly #watches = new Watches();

  constructor(options: WatcherOptions) {
    this.#o = options;
  }

  keep(keyJson: string): void {
    this.#watches.keep(keyJson, (signal) => this.#watch(keyJson, signal));
  }

  /** Lets go of a machine; resolves when nothing is done to it any more. */
  release(keyJson: string): Promise<void> {
    return this.#watches.release(keyJson);
  }

  stop(): Promise<void> {
    return this.#watches.stop();
  }

  async #watch(keyJson: string, signal: AbortSignal): Promise<void> {
    const { machines, clock, random, logger, timing } = this.#o;
    let heard = clock.monotonic();
    while (!signal.aborted) {
      try {
        // Not all at the same moment.
        await sleep(clock, timing.watchMs * (0.75 + random.next() / 2), signal);
        const ran = await machines.tend(keyJson, signal);
        if (!ran) machines.ended(keyJson, 'at its provider');
        heard = clock.monotonic();
        machines.trouble(keyJson, undefined);
      } catch (error) {
        if (signal.aborted) return;
        const reason = messageOf(error);
        logger.warn({ key: keyJson, reason }, 'A remote machine cannot be looked after');
        if (clock.monotonic() - heard >= timing.silentMs) machines.trouble(keyJson, reason);
      }
    }
  }
}
