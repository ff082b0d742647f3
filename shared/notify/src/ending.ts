/** An abort signal whose state costs nothing to ask for: getters of an AbortSignal check first what they were called on. */
export class Ending {
  readonly #controller = new AbortController();
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Safe to call more than once. */
  end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller.abort(new Error(reason));
  }
}
