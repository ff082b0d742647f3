/** Wakes the one who waits; a ring while nobody waits is not lost. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    if (wake) wake();
    else this.#rung = true;
  }

  /** Resolves at the next ring, or at once if there was one since the last wait. Whoever ends what is waited for rings. */
  wait(): Promise<void> {
    if (this.#rung) {
      this.#rung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
