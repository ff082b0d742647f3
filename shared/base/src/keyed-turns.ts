/**
 * Work on one key runs one after the other, in the order of the calls; other keys are not held up. A failure is its caller's and
 * passes the turn on.
 */
export class KeyedTurns {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    let end = () => {};
    const tail = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#tails.set(key, tail);
    await before;
    try {
      return await work();
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
      end();
    }
  }

  /** Holds several keys; the caller sorts them, so that two calls cannot wait for each other. */
  runAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = keys;
    return first === undefined ? work() : this.run(first, () => this.runAll(rest, work));
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}
