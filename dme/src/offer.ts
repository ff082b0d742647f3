import { isOnEarth, type Place } from './geo.js';
import type { StoredInstance } from './instance.js';
import { type Match, Nearby } from './nearby.js';
import type { CloudletSite } from './sites.js';

/** The instances of one App on the cloudlets of one carrier. */
export class Offer {
  readonly #nearby = new Nearby<StoredInstance>();
  /** Those that are offered, but at no place on earth; and those that are not offered. Made when there is one. */
  #nowhere: Set<StoredInstance> | undefined;
  #withheld: Nearby<StoredInstance> | undefined;

  /** Of what is offered. */
  get size(): number {
    return this.#nearby.size + (this.#nowhere?.size ?? 0);
  }

  get isEmpty(): boolean {
    return this.size === 0 && !this.#withheld?.size;
  }

  add(instance: StoredInstance): void {
    if (!instance.isOffered) {
      this.#withheld ??= new Nearby();
      this.#withheld.add(instance);
    } else if (isOnEarth(instance.site)) this.#nearby.add(instance);
    else {
      this.#nowhere ??= new Set();
      this.#nowhere.add(instance);
    }
  }

  remove(instance: StoredInstance): void {
    if (!instance.isOffered) this.#withheld?.remove(instance);
    else if (isOnEarth(instance.site)) this.#nearby.remove(instance);
    else this.#nowhere?.delete(instance);
  }

  nearest(place: Place): Match<StoredInstance> | undefined {
    return this.#nearby.nearest(place);
  }

  nearestFew(place: Place, count: number): Match<StoredInstance>[] {
    return this.#nearby.nearestFew(place, count);
  }

  /** Whether something is offered there. */
  isAt(site: CloudletSite): boolean {
    return this.#nearby.at(site).some((instance) => instance.site === site);
  }

  /** The nearest of those that are not offered. */
  withheldFew(place: Place, count: number): Match<StoredInstance>[] {
    return this.#withheld?.nearestFew(place, count) ?? [];
  }

  /** What is at no place on earth. */
  nowhere(): Iterable<StoredInstance> {
    return this.#nowhere ?? [];
  }

  /** All that is offered. */
  *[Symbol.iterator](): IterableIterator<StoredInstance> {
    yield* this.#nearby;
    yield* this.nowhere();
  }

  /** What is not offered. */
  withheld(): Iterable<StoredInstance> {
    return this.#withheld ?? [];
  }
}
