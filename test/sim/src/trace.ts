import { createHash, type Hash } from 'node:crypto';

/** What happened in a run, one line per event: hashed as a whole, with the last lines kept to be read. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #lines: string[] = [];
  readonly #keep: number;
  /** Called with every line. */
  readonly #echo: ((line: string) => void) | undefined;
  #count = 0;

  constructor(keep = 200, echo?: (line: string) => void) {
    this.#keep = keep;
    this.#echo = echo;
  }

  add(line: string): void {
    this.#hash.update(line);
    this.#hash.update('\n');
    this.#count += 1;
    this.#lines.push(line);
    if (this.#lines.length >= 2 * this.#keep) this.#lines.splice(0, this.#keep);
    this.#echo?.(line);
  }

  get count(): number {
    return this.#count;
  }

  /** Of all lines so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  tail(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
