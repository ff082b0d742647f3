import type { CachedAt } from './object-cache.js';

/** Changes after which sorting anew is no dearer than moving each into its place. */
const MANY = 256;

/**
 * The objects of a cache in order of their keys. They are sorted when somebody asks; from then on each change is moved
 * into its place, unless there have been many since somebody asked last.
 */
export class SortedObjects<T> {
  readonly #all: () => Iterable<CachedAt<T>>;
  #sorted: CachedAt<T>[] | undefined;
  /** Somebody has been given the list: it is copied before it changes. */
  #shared = false;
  #changes = 0;

  constructor(all: () => Iterable<CachedAt<T>>) {
    this.#all = all;
  }

  /** A list that later changes do not touch. */
  snapshot(): readonly CachedAt<T>[] {
    this.#changes = 0;
    this.#shared = true;
    this.#sorted ??= [...this.#all()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.#sorted;
  }

  put(object: CachedAt<T>): void {
    const sorted = this.#toChange();
    if (!sorted) return;
    const at = place(sorted, object.key);
    sorted.splice(at, sorted[at]?.key === object.key ? 1 : 0, object);
  }

  delete(key: string): void {
    const sorted = this.#toChange();
    if (!sorted) return;
    const at = place(sorted, key);
    if (sorted[at]?.key === key) sorted.splice(at, 1);
  }

  #toChange(): CachedAt<T>[] | undefined {
    if (++this.#changes > MANY) this.#sorted = undefined;
    if (this.#shared) this.#sorted = this.#sorted?.slice();
    this.#shared = false;
    return this.#sorted;
  }
}

/** Index of the first object whose key is not below `key`. */
function place(sorted: readonly { readonly key: string }[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
