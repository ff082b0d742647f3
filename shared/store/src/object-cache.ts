import { ObjectIndex } from './object-index.js';
import { SortedObjects } from './sorted-objects.js';
import type { Entry } from './store.js';

/** What a cache must know about one type of object. */
export interface CacheType<T> {
  /** For messages. */
  readonly name: string;
  /** The part of the store key between the region and the object's own key, for example `1/App/`. */
  readonly prefix: string;
  /** Throws when the entry does not hold a good object. */
  decode(entry: Entry): T;
  /** Index name to the index keys of a value. */
  readonly indexes?: Readonly<Record<string, (value: T) => readonly string[]>>;
}

export interface Cached<T> {
  readonly value: T;
  /** Revision of the last good write. */
  readonly revision: number;
}

export interface CachedAt<T> extends Cached<T> {
  readonly key: string;
}

/** One object before and after a revision: no `previous` when it is new, no `value` when it is gone. */
export interface CacheChange<T> {
  readonly key: string;
  readonly value?: T;
  readonly previous?: T;
  readonly revision: number;
}

export type CacheListener<T> = (change: CacheChange<T>) => void;

/**
 * The objects of one type as of the revision of the {@link CacheSync} that feeds it. Reading is synchronous; whatever
 * returns several objects returns a snapshot that later changes do not touch. Values are shared: do not modify them.
 */
export class ObjectCache<T> {
  readonly type: CacheType<T>;
  readonly #objects = new Map<string, CachedAt<T>>();
  readonly #sorted = new SortedObjects<T>(() => this.#objects.values());
  readonly #indexes: ReadonlyMap<string, ObjectIndex<T>>;
  readonly #listeners = new Set<CacheListener<T>>();
  readonly #keyListeners = new Map<string, Set<CacheListener<T>>>();

  constructor(type: CacheType<T>) {
    this.type = type;
    this.#indexes = new Map(
      Object.entries(type.indexes ?? {}).map(([name, keysOf]) => [name, new ObjectIndex(keysOf)]),
    );
  }

  get size(): number {
    return this.#objects.size;
  }

  /** `key` is the part of the store key after region and type. */
  get(key: string): CachedAt<T> | undefined {
    return this.#objects.get(key);
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  values(): T[] {
    return Array.from(this.#objects.values(), ({ value }) => value);
  }

  entries(): CachedAt<T>[] {
    return [...this.#objects.values()];
  }

  /** As {@link entries}, in order of their keys (by UTF-16 units). Costs little, also when there are many. */
  sorted(): readonly CachedAt<T>[] {
    return this.#sorted.snapshot();
  }

  /** The objects with this index key, in no particular order. @throws RangeError when there is no such index. */
  byIndex(name: string, indexKey: string): CachedAt<T>[] {
    const index = this.#indexes.get(name);
    if (!index) throw new RangeError(`${this.type.name} has no index ${name}`);
    const found: CachedAt<T>[] = [];
    for (const key of index.find(indexKey)) {
      const object = this.#objects.get(key);
      if (object) found.push(object);
    }
    return found;
  }

  /** Calls `listener` for every change, after all changes of the same revision are visible in all caches. */
  subscribe(listener: CacheListener<T>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** As {@link subscribe}, for one key; costs nothing for changes of other keys. */
  watchKey(key: string, listener: CacheListener<T>): () => void {
    const listeners = this.#keyListeners.get(key) ?? new Set();
    this.#keyListeners.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#keyListeners.get(key) === listeners) this.#keyListeners.delete(key);
    };
  }

  /** Whether anybody listens to changes of a key. For {@link CacheSync}. */
  isWatched(key: string): boolean {
    return this.#listeners.size > 0 || this.#keyListeners.has(key);
  }

  /** The listeners of a key's changes. For {@link CacheSync}. */
  listenersOf(key: string): CacheListener<T>[] {
    return [...this.#listeners, ...(this.#keyListeners.get(key) ?? [])];
  }

  /**
   * Takes over an entry, or its absence. For {@link CacheSync}.
   * @throws what `decode` or an index function throws; the last good value stays then.
   */
  apply(key: string, entry: Entry | undefined, revision: number): CacheChange<T> | undefined {
    const previous = this.#objects.get(key);
    if (!entry) {
      if (!previous) return undefined;
      this.#reindex(key, previous.value, undefined);
      this.#objects.delete(key);
      this.#sorted.delete(key);
      return { key, previous: previous.value, revision };
    }
    const value = this.type.decode(entry);
    this.#reindex(key, previous?.value, value);
    const object = { key, value, revision: entry.revision };
    this.#objects.set(key, object);
    this.#sorted.put(object);
    return { key, value, ...(previous && { previous: previous.value }), revision };
  }

  /** All index keys are known before any index changes: an index function may throw. */
  #reindex(key: string, before: T | undefined, after: T | undefined): void {
    const moves = Array.from(this.#indexes.values(), (index) => ({
      index,
      from: index.keysOf(before),
      to: index.keysOf(after),
    }));
    for (const { index, from, to } of moves) index.move(key, from, to);
  }
}
