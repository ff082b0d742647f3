import type { ObjectType } from '@edgeplane/objects';
import type { MemoryStore } from '@edgeplane/store';

/** What the store holds at one moment. */
export class Stored {
  readonly #texts = new Map<string, Map<string, string>>();

  static async read(store: MemoryStore): Promise<Stored> {
    const stored = new Stored();
    for (const { key, value } of (await store.list('1/')).entries) {
      const slash = key.indexOf('/', 2);
      const name = key.slice(2, slash);
      const texts = stored.#texts.get(name) ?? new Map<string, string>();
      stored.#texts.set(name, texts.set(key.slice(slash + 1), value));
    }
    return stored;
  }

  keys(name: string): string[] {
    return [...this.texts(name).keys()];
  }

  /** Stored JSON by key JSON. */
  texts(name: string): ReadonlyMap<string, string> {
    return this.#texts.get(name) ?? new Map();
  }

  objects<T, K>(type: ObjectType<T, K>): Map<string, T> {
    return new Map([...this.texts(type.name)].map(([key, text]) => [key, type.fromStored(text)]));
  }

  /** By store key. */
  all(): Map<string, string> {
    const all = new Map<string, string>();
    for (const [name, texts] of this.#texts)
      for (const [key, text] of texts) all.set(`1/${name}/${key}`, text);
    return all;
  }
}
