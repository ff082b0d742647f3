/**
 * Lets work on the same key take turns, in order of arrival. Transactions that are known to meet on one object, such as
 * the refs of a cloudlet, take turns instead of running into conflicts over and over; across controllers the conflicts
 * remain, and are repeated.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    let end = () => {};
    const own = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(key, own);
    await before;
    try {
      return await work();
    } finally {
      if (this.#last.get(key) === own) this.#last.delete(key);
      end();
    }
  }
}
