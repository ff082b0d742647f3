import type { Logger } from '@edgeplane/base';

/** Lines of one kind that a session may cause. */
const MOST_LINES = 10;

/**
 * A log for what a peer can cause with each of its notices: the first of each text are written, the last of them saying
 * that there will be no more. What is left out stands in the counters.
 */
export class FewLines {
  readonly #logger: Logger;
  readonly #written = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  warn(facts: object, text: string): void {
    this.#write('warn', facts, text);
  }

  error(facts: object, text: string): void {
    this.#write('error', facts, text);
  }

  #write(level: 'warn' | 'error', facts: object, text: string): void {
    const nth = (this.#written.get(text) ?? 0) + 1;
    if (nth > MOST_LINES) return;
    this.#written.set(text, nth);
    this.#logger[level](nth < MOST_LINES ? facts : { ...facts, more: 'further ones are counted only' }, text);
  }
}
