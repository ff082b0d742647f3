import type { EncodedChange } from './change-encoder.js';
import { Digest } from './digest.js';
import { type Snapshot, snapshotOf } from './snapshot.js';

/** Smaller sets are sent object by object. */
const SNAPSHOT_FROM = 128;
/** A snapshot is made anew when more than one in so many of its objects have changed since. */
const LATE_SHARE = 10;

/** A snapshot, and what it does not have, or not as it is now. */
export interface CurrentSnapshot extends Pick<Snapshot, 'packs'> {
  readonly late: readonly string[];
}

/** The objects of one type that some receivers should hold, and their sum, kept as objects change. */
export class ViewSet {
  readonly digest = new Digest();
  readonly #place: number;
  readonly #objects = new Map<string, EncodedChange>();
  #snapshot: Snapshot | undefined;
  /** Keys that have changed since the snapshot was made. */
  #late = new Set<string>();

  /** `place`: that of the type. */
  constructor(place: number) {
    this.#place = place;
  }

  /** Notes what the object of a key is now; undefined: there is none. */
  put(keyJson: string, change: EncodedChange | undefined): void {
    const known = this.#objects.get(keyJson);
    if (known === change) return;
    if (this.#snapshot) this.#late.add(keyJson);
    if (known) this.digest.remove(known);
    if (change) {
      this.digest.add(change);
      this.#objects.set(keyJson, change);
    } else this.#objects.delete(keyJson);
  }

  entries(): Iterable<readonly [keyJson: string, EncodedChange]> {
    return this.#objects;
  }

  get(keyJson: string): EncodedChange | undefined {
    return this.#objects.get(keyJson);
  }

  /** For who holds nothing; undefined for sets that are not worth it. */
  snapshot(): CurrentSnapshot | undefined {
    const { size } = this.#objects;
    if (size < SNAPSHOT_FROM) return undefined;
    if (!this.#snapshot || this.#late.size * LATE_SHARE > size) {
      this.#snapshot = snapshotOf(this.#place, this.#objects);
      this.#late = new Set();
    }
    const { packs, rest } = this.#snapshot;
    return { packs, late: [...rest, ...this.#late] };
  }
}
