import { distanceKm, type Place, type UnitVector, unitVector } from './geo.js';
import { SphereTree } from './sphere-tree.js';

/** What has a name and a place, neither of which ever changes. */
export interface Located {
  /** Breaks ties: of two that are equally far away, the one whose name sorts first is nearer. */
  readonly name: string;
  readonly site: Site;
}

/** A place that many may share. */
export interface Site extends Place {
  /** {@link unitVector} of it. */
  readonly at: UnitVector;
}

export interface Match<T> {
  readonly instance: T;
  /** Great-circle distance, km. */
  readonly distance: number;
}

/** All that is at exactly one place, by name. */
class Spot<T extends Located> {
  readonly site: Site;
  /** Never empty while it is in the tree. */
  readonly located: T[];

  constructor(first: T) {
    this.site = first.site;
    this.located = [first];
  }

  get at(): UnitVector {
    return this.site.at;
  }
}

/**
 * Finds the nearest of what it holds, by great-circle distance and then by name: exactly what looking at everything would
 * find. Changes are made at once, each in time that hardly grows with what is held.
 */
export class Nearby<T extends Located> {
  readonly #tree = new SphereTree<Spot<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds what is not there yet. */
  add(located: T): void {
    this.#size += 1;
    const spot = this.#spotAt(located.site);
    if (spot) spot.located.splice(rank(spot.located, located.name), 0, located);
    else this.#tree.add(new Spot(located));
  }

  /** Takes out this very one; false when it is not there. */
  remove(located: T): boolean {
    const spot = this.#spotAt(located.site);
    const index = spot ? rank(spot.located, located.name) : -1;
    if (!spot || spot.located[index] !== located) return false;
    this.#size -= 1;
    if (spot.located.length === 1) this.#tree.remove(spot);
    else spot.located.splice(index, 1);
    return true;
  }

  /** What is at exactly this place, in order of names. */
  at(site: Site): readonly T[] {
    return this.#spotAt(site)?.located ?? [];
  }

  /** The nearest; undefined when there is nothing. */
  nearest(place: Place): Match<T> | undefined {
    let best: Match<T> | undefined;
    for (const { site, located } of this.#tree.near(unitVector(place), 1)) {
      const [instance] = located;
      const distance = distanceKm(place, site);
      if (instance && (!best || isNearer(distance, instance.name, best))) best = { instance, distance };
    }
    return best;
  }

  /** The `count` nearest, nearest first; all when there are fewer. */
  nearestFew(place: Place, count: number): Match<T>[] {
    return this.#tree
      .near(unitVector(place), count)
      .flatMap(({ site, located }) => {
        const distance = distanceKm(place, site);
        return located.slice(0, count).map((instance): Match<T> => ({ instance, distance }));
      })
      .sort((a, b) => (isNearer(a.distance, a.instance.name, b) ? -1 : 1))
      .slice(0, count);
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const { located } of this.#tree) yield* located;
  }

  #spotAt({ latitude, longitude, at }: Site): Spot<T> | undefined {
    return this.#tree
      .around(at)
      .find(({ site }) => site.latitude === latitude && site.longitude === longitude);
  }
}

function isNearer<T extends Located>(distance: number, name: string, than: Match<T>): boolean {
  return distance < than.distance || (distance === than.distance && name < than.instance.name);
}

/** Where a name is, or would be, in a list that is in order of names. */
function rank(list: readonly Located[], name: string): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.name ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
