import type { Held as WireHeld } from '@edgeplane/proto/edgeplane/notify.js';
import { heldCost } from '../limits.js';
import { bucketOf, bucketSums } from './buckets.js';
import { Digest, type Fingerprint, fingerprint, keyNumber } from './digest.js';

interface HeldObject extends Fingerprint {
  readonly revision: number;
  /** Length of the encoded object. */
  readonly bytes: number;
  /** Number of its origin at the sender; 0: the sender itself. */
  readonly origin: number;
}

/** A place in the history of a sender. */
export interface Cursor {
  /** Of the revisions. */
  readonly lineage: string;
  readonly revision: number;
}

/** What was held of one type in an earlier life. */
export interface HeldBefore {
  /** Full name. */
  readonly type: string;
  /** Where it was last in step; what is held may be of before or after that. */
  readonly cursor: Cursor;
  /** As they were received; revision 0 when it is not known. */
  readonly objects: Iterable<{
    readonly keyJson: string;
    readonly bytes: Uint8Array;
    readonly revision: number;
  }>;
}

/** Objects whose key is not known are held under its number; no key JSON begins like this. */
const NAMELESS = '?';

/** What a receiver holds of one type of a sender's. */
export class HeldType {
  readonly digest = new Digest();
  readonly #objects = new Map<string, HeldObject>();
  #nameless = 0;
  #cost = 0;
  /** Keys by their numbers; made when it is first needed. */
  #byNumber: Map<number, string> | undefined;
  #lineage = '';
  #revision = 0;
  #newest = 0;

  get size(): number {
    return this.#objects.size;
  }

  /** What all objects count together, see {@link heldCost}. */
  get cost(): number {
    return this.#cost;
  }

  /** Key JSON of what is held, without what has no known key. */
  keys(): string[] {
    const keys = [...this.#objects.keys()];
    return this.#nameless === 0 ? keys : keys.filter((key) => !key.startsWith(NAMELESS));
  }

  has(keyJson: string): boolean {
    return this.#objects.has(keyJson);
  }

  /** Whether a change of this revision comes too late: a later one of the key is held. */
  isLate(keyJson: string, revision: number): boolean {
    return revision < (this.#objects.get(keyJson)?.revision ?? 0);
  }

  /** Notes that a change of this revision was received. */
  saw(revision: number): void {
    if (revision > this.#newest) this.#newest = revision;
  }

  set(keyJson: string, fingerprint: Fingerprint, revision: number, bytes: number, origin = 0): void {
    this.saw(revision);
    this.delete(keyJson);
    this.#put(keyJson, fingerprint, revision, bytes, origin);
  }

  /**
   * Notes an object that could not be decoded, by the number of its key, so that it is not asked for again: in place of the
   * last good one of the key, if there is one. Under which name it is held.
   */
  setUndecodable(number: number, fingerprint: Fingerprint, bytes: number): string {
    this.#byNumber ??= new Map(this.keys().map((known) => [keyNumber(known), known]));
    const key = this.#byNumber.get(number);
    if (key !== undefined) {
      this.set(key, fingerprint, 0, bytes);
      return key;
    }
    const nameless = `${NAMELESS}${number}`;
    this.delete(nameless);
    this.#put(nameless, fingerprint, 0, bytes);
    this.#nameless += 1;
    return nameless;
  }

  originOf(keyJson: string): number {
    return this.#objects.get(keyJson)?.origin ?? 0;
  }

  delete(keyJson: string): boolean {
    // Now its name is known.
    if (this.#nameless > 0 && !keyJson.startsWith(NAMELESS)) this.delete(`${NAMELESS}${keyNumber(keyJson)}`);
    const known = this.#objects.get(keyJson);
    if (known === undefined) return false;
    this.#objects.delete(keyJson);
    this.digest.remove(known);
    this.#cost -= heldCost(keyJson, known.bytes);
    if (keyJson.startsWith(NAMELESS)) this.#nameless -= 1;
    else this.#byNumber?.delete(keyNumber(keyJson));
    return true;
  }

  /** Up to which revision of which lineage it was last in step. */
  get cursor(): Cursor {
    return { lineage: this.#lineage, revision: this.#revision };
  }

  /** The sender's revision of what is held under a key; 0 when it is not known. */
  revisionOf(keyJson: string): number {
    return this.#objects.get(keyJson)?.revision ?? 0;
  }

  /** Everything up to this revision of the lineage is held. */
  inStep(lineage: string, revision: number): void {
    this.#lineage = lineage;
    this.#revision = revision;
    this.saw(revision);
  }

  /**
   * Whether revisions that are held cannot be compared with those to come: the sender is of another lineage, or behind
   * what it was.
   */
  isBeyond(lineage: string, revision: number): boolean {
    return this.#objects.size > 0 && (lineage !== this.#lineage || revision < this.#newest);
  }

  /** The sender's revisions go on from a lower one: those that are held say nothing any more. */
  rewind(): void {
    this.#revision = 0;
    this.#newest = 0;
    for (const [key, object] of this.#objects) this.#objects.set(key, { ...object, revision: 0 });
  }

  sums(count: number): number[] {
    const numbered = Array.from(this.#objects, ([key, object]) => [numberOf(key), object] as const);
    return bucketSums(numbered, count);
  }

  /** Keys in these of `count` buckets; every key when no bucket is named. */
  keysIn(buckets: readonly number[], count: number): Set<string> {
    const wanted = new Set(buckets);
    const found = new Set<string>();
    for (const key of this.#objects.keys())
      if (buckets.length === 0 || wanted.has(bucketOf(numberOf(key), count))) found.add(key);
    return found;
  }

  #put(key: string, { high, low }: Fingerprint, revision: number, bytes: number, origin = 0): void {
    this.#objects.set(key, { high, low, revision, bytes, origin });
    this.digest.add({ high, low });
    this.#cost += heldCost(key, bytes);
    if (this.#byNumber && !key.startsWith(NAMELESS)) this.#byNumber.set(keyNumber(key), key);
  }

  clear(): void {
    for (const key of [...this.#objects.keys()]) this.delete(key);
    this.#revision = 0;
    this.#newest = 0;
  }

  toWire(type: string): WireHeld {
    return {
      type,
      lineage: this.#lineage,
      revision: BigInt(this.#revision),
      digest: this.digest.toWire(),
      newest: BigInt(this.#newest),
    };
  }
}

function numberOf(key: string): number {
  return key.startsWith(NAMELESS) ? Number(key.slice(NAMELESS.length)) : keyNumber(key);
}

/** What a receiver holds of one sender, for longer than a session. */
export class Held {
  readonly #types = new Map<string, HeldType>();

  /** By full name of the type. */
  of(type: string): HeldType {
    let held = this.#types.get(type);
    if (!held) {
      held = new HeldType();
      this.#types.set(type, held);
    }
    return held;
  }

  /** Begins with what was held before. */
  restore({ type, cursor, objects }: HeldBefore): void {
    const held = this.of(type);
    for (const { keyJson, bytes, revision } of objects)
      held.set(keyJson, fingerprint(bytes), revision, bytes.length);
    held.inStep(cursor.lineage, cursor.revision);
  }

  /** What all objects count together, see {@link heldCost}. */
  get cost(): number {
    let sum = 0;
    for (const held of this.#types.values()) sum += held.cost;
    return sum;
  }

  clear(): void {
    for (const held of this.#types.values()) held.clear();
  }

  toWire(types: readonly string[]): WireHeld[] {
    return types.map((type) => this.of(type).toWire(type));
  }
}
