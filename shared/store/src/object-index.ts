const NONE: readonly string[] = [];

/** From index keys to the keys of objects. A single key, as references mostly have, takes no set of its own. */
export class ObjectIndex<T> {
  readonly #keysOf: (value: T) => readonly string[];
  readonly #keys = new Map<string, string | Set<string>>();

  /** `keysOf`: the index keys of a value. */
  constructor(keysOf: (value: T) => readonly string[]) {
    this.#keysOf = keysOf;
  }

  /** Index keys of a value; none of no value. @throws what the index function throws */
  keysOf(value: T | undefined): readonly string[] {
    return value === undefined ? NONE : this.#keysOf(value);
  }

  /** Keys of the objects with this index key. */
  find(indexKey: string): Iterable<string> {
    const found = this.#keys.get(indexKey);
    return found === undefined ? NONE : typeof found === 'string' ? [found] : found;
  }

  /** The object's index keys have become others. */
  move(key: string, before: readonly string[], after: readonly string[]): void {
    if (before.length === after.length && before.every((indexKey, i) => indexKey === after[i])) return;
    for (const indexKey of before) this.#delete(indexKey, key);
    for (const indexKey of after) this.#add(indexKey, key);
  }

  #add(indexKey: string, key: string): void {
    const found = this.#keys.get(indexKey);
    if (found === undefined) this.#keys.set(flat(indexKey), key);
    else if (typeof found !== 'string') found.add(key);
    else if (found !== key) this.#keys.set(indexKey, new Set([found, key]));
  }

  #delete(indexKey: string, key: string): void {
    const found = this.#keys.get(indexKey);
    if (found === key) this.#keys.delete(indexKey);
    if (found === undefined || typeof found === 'string') return;
    found.delete(key);
    const [last] = found;
    if (found.size === 1 && last !== undefined) this.#keys.set(indexKey, last);
  }
}

/** The text in one piece. One that was put together keeps its parts until it is read: several times its size. */
function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}
