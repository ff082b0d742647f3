/** That it ends again and again, that it waits for room on a disk, or that whoever runs it for us does not answer. */
export type TroubleAbout = 'restarts' | 'room' | 'remote';

/**
 * What is wrong with instances that run all the same, by key JSON. Drivers say it, and it is reported beside the state that
 * an instance is in.
 */
export class Troubles {
  /** By key JSON, then by what they are about. */
  readonly #texts = new Map<string, Map<TroubleAbout, string>>();
  readonly #listeners = new Set<(keyJson: string) => void>();

  of(keyJson: string): readonly string[] {
    return [...(this.#texts.get(keyJson)?.values() ?? [])];
  }

  /** Without a text there is none of that any more. */
  set(keyJson: string, about: TroubleAbout, text: string | undefined): void {
    const texts = this.#texts.get(keyJson) ?? new Map<TroubleAbout, string>();
    if (texts.get(about) === text) return;
    if (text === undefined) texts.delete(about);
    else texts.set(about, text);
    if (texts.size === 0) this.#texts.delete(keyJson);
    else this.#texts.set(keyJson, texts);
    this.#tell(keyJson);
  }

  /** There is none of any sort any more. */
  clear(keyJson: string): void {
    if (this.#texts.delete(keyJson)) this.#tell(keyJson);
  }

  #tell(keyJson: string): void {
    for (const tell of this.#listeners) tell(keyJson);
  }

  /** Calls with each key whose trouble changed. */
  subscribe(tell: (keyJson: string) => void): void {
    this.#listeners.add(tell);
  }
}
