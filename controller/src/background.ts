import { type Logger, messageOf } from '@edgeplane/base';

/** Work that outlives the call that began it. It is owned here: `stop` ends and awaits all of it. */
export class Background {
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #work = new Set<Promise<void>>();

  /** `signal` tells the work that the controller is stopping. */
  constructor(logger: Logger, signal: AbortSignal) {
    this.#logger = logger;
    this.#signal = signal;
  }

  run(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    const running = work(this.#signal)
      .catch((error: unknown) => {
        if (!this.#signal.aborted)
          this.#logger.error({ work: name, reason: messageOf(error) }, 'Work failed');
      })
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}
