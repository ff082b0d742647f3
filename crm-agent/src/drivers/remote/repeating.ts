import { type Clock, type Logger, messageOf, type Random, sleep } from '@edgeplane/base';

export interface RepeatingOptions {
  readonly what: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly work: (signal: AbortSignal) => Promise<unknown>;
}

/** Work that is done at once and then now and again until it is stopped; a failure is logged. */
export class Repeating {
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;

  constructor(options: RepeatingOptions) {
    this.#ended = this.#run(options, this.#abort.signal);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    await this.#ended;
  }

  async #run(o: RepeatingOptions, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await o.work(signal);
      } catch (error) {
        if (!signal.aborted) o.logger.warn({ reason: messageOf(error) }, `${o.what} failed`);
      }
      await sleep(o.clock, o.everyMs * (0.75 + o.random.next() / 2), signal).catch(() => undefined);
    }
  }
}
