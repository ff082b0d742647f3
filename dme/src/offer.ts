import { isOnEarth, type Place } from './geo.js';
import type { StoredInstance } from './instance.js';
import { type Match, Nearby } from './nearby.js';

/** The instances of one App on the cloudlets of one carrier. */
export class Offer {
  readonly #nearby = new Nearby<StoredInstance>();
  /** Offered, but at no place on earth; made when there is one. */
  #nowhere: Set<StoredInstance> | undefined;

  get size(): number {
    return this.#nearby.size + (this.#nowhere?.size ?? 0);
  }

  add(instance: StoredInstance): void {
    if (isOnEarth(instance.site)) this.#nearby.add(instance);
    else {
      this.#nowhere ??= new Set();
      this.#nowhere.add(instance);
    }
  }

  remove(instance: StoredInstance): void {
    if (isOnEarth(instance.site)) this.#nearby.remove(instance);
    else this.#nowhere?.delete(instance);
  }

  nearest(place: Place): Match<StoredInstance> | undefined {
    return this.#nearby.nearest(place);
  }

  *[Symbol.iterator](): IterableIterator<StoredInstance> {
    yield* this.#nearby;
    yield* this.#nowhere ?? [];
  }
}
