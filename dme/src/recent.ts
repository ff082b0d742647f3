/**
 * The values that were asked for lately, by their keys: two generations of which the older goes, with all that was not asked
 * for since, when the younger is full.
 */
export class Recent<K, V> {
  readonly #most: number;
  #young = new Map<K, V>();
  #old: Map<K, V> = new Map();

  /** `most`: values in each of the two generations. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#most && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
