import { Digest, type Fingerprint } from './digest.js';

/** Fingerprints of the objects of one type that some receivers should hold, and their sum, kept as objects change. */
export class ViewSet {
  readonly digest = new Digest();
  readonly #objects = new Map<string, Fingerprint>();

  /** Notes what the object of a key is now; undefined: there is none. */
  put(keyJson: string, fingerprint: Fingerprint | undefined): void {
    const known = this.#objects.get(keyJson);
    if (known === fingerprint) return;
    if (known) this.digest.remove(known);
    if (fingerprint) {
      this.digest.add(fingerprint);
      this.#objects.set(keyJson, fingerprint);
    } else this.#objects.delete(keyJson);
  }

  entries(): Iterable<readonly [keyJson: string, Fingerprint]> {
    return this.#objects;
  }

  has(keyJson: string): boolean {
    return this.#objects.has(keyJson);
  }
}
