/**
 * Answers a peer that asks how far the store is: each answer was read after its question had come. One is looked for at a
 * time; of those that come meanwhile the last is answered next, which answers the others.
 */
export class StoreAnswers {
  readonly #read: () => Promise<number>;
  readonly #say: (question: number, revision: number) => void;
  #next: number | undefined;
  #working = false;

  /** A store that fails to tell is not answered for: the peer goes by what it has. */
  constructor(read: () => Promise<number>, say: (question: number, revision: number) => void) {
    this.#read = read;
    this.#say = say;
  }

  /** Resolves when nothing more is to be answered. */
  async asked(question: number): Promise<void> {
    this.#next = question;
    if (this.#working) return;
    this.#working = true;
    while (this.#next !== undefined) {
      const answering: number = this.#next;
      this.#next = undefined;
      const revision = await this.#read().catch(() => undefined);
      if (revision !== undefined) this.#say(answering, revision);
    }
    this.#working = false;
  }
}
