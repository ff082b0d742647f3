/**
 * What is wrong with instances that run all the same, by key JSON. Drivers say it, and it is reported beside the state that
 * an instance is in.
 */
export class Troubles {
  readonly #texts = new Map<string, string>();
  readonly #listeners = new Set<(keyJson: string) => void>();

  of(keyJson: string): readonly string[] {
    const text = this.#texts.get(keyJson);
    return text === undefined ? [] : [text];
  }

  /** Without a text there is none any more. */
  set(keyJson: string, text: string | undefined): void {
    if (this.#texts.get(keyJson) === text) return;
    if (text === undefined) this.#texts.delete(keyJson);
    else this.#texts.set(keyJson, text);
    for (const tell of this.#listeners) tell(keyJson);
  }

  /** Calls with each key whose trouble changed. */
  subscribe(tell: (keyJson: string) => void): void {
    this.#listeners.add(tell);
  }
}
