import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Sync, type Digest as WireDigest } from '@edgeplane/proto/edgeplane/notify.js';

/** Tag of `Notice.sync`. */
const SYNC = (102 << 3) | 2;

/** A mark as it stands in a frame. */
export function markBytes(sync: Sync): Buffer {
  const writer = new BinaryWriter();
  Sync.encode(sync, writer.uint32(SYNC).fork()).join();
  return Buffer.from(writer.finish());
}

interface Made {
  readonly digest: WireDigest;
  readonly revision: number;
  readonly scope: number;
  readonly bytes: Buffer;
}

/** Digest marks as they stand in frames. What all sessions say of a type after the same change is made once. */
export class DigestMarks {
  /** The last of each type, by place. */
  readonly #made: (Made | undefined)[] = [];

  of(place: number, { count, high, low }: WireDigest, revision: number, scope: number): Buffer {
    const made = this.#made[place];
    if (made && made.revision === revision && made.scope === scope) {
      const { digest } = made;
      if (digest.count === count && digest.high === high && digest.low === low) return made.bytes;
    }
    const value = { count, high, low };
    const bytes = markBytes({
      type: place,
      mark: { $case: 'digest', value },
      revision: BigInt(revision),
      scope,
    });
    this.#made[place] = { digest: value, revision, scope, bytes };
    return bytes;
  }
}

/** What digests were said last, as plain numbers: there are many sessions, and most changes concern one type. */
export class SaidDigests {
  readonly #places: readonly number[];
  /** Count, high and low of each place, in turn. */
  readonly #said: number[];
  /** Places whose digests may have changed since. */
  readonly #touched = new Set<number>();
  #forgotten = true;

  constructor(places: readonly number[]) {
    this.#places = places;
    this.#said = places.flatMap(() => [0, 0, 0]);
  }

  /** All are to be said again. */
  forget(): void {
    this.#forgotten = true;
  }

  get isForgotten(): boolean {
    return this.#forgotten;
  }

  touch(place: number): void {
    this.#touched.add(place);
  }

  /** Calls back for each place whose digest is to be said, in order; it is said then. */
  say(view: { digest(place: number): WireDigest }, each: (place: number, digest: WireDigest) => void): void {
    const all = this.#forgotten;
    this.#forgotten = false;
    const said = this.#said;
    for (const [i, place] of this.#places.entries()) {
      if (!all && !this.#touched.has(place)) continue;
      const digest = view.digest(place);
      const { count, high, low } = digest;
      const at = i * 3;
      if (!all && said[at] === count && said[at + 1] === high && said[at + 2] === low) continue;
      said[at] = count;
      said[at + 1] = high;
      said[at + 2] = low;
      each(place, digest);
    }
    this.#touched.clear();
  }
}
