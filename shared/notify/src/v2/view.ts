import { Digest, type Fingerprint } from './digest.js';
import type { FrameChange } from './frame-writer.js';
import type { CurrentSnapshot, ViewSet } from './view-set.js';
import { EVERYTHING, type ViewLane, type ViewSubscriber, type Views } from './views.js';

/** What one receiver should hold: of the types that it wants, in its scope. */
export class View {
  /** Places of the types, in send order. */
  readonly places: readonly number[];
  readonly #views: Views;
  readonly #lanes: readonly ViewLane[];
  readonly #cloudlets: Set<string> | undefined;
  /** Types of which a scoped receiver wants everything all the same. */
  readonly #whole: Set<string>;
  readonly #subscriber: ViewSubscriber;
  /** By place; made when they are needed, as they stay for as long as the scope does. */
  #setsOf: (readonly ViewSet[] | undefined)[] = [];

  /** `cloudlets`: key JSON of the scope's; undefined for all objects. Subscribes until {@link close}. */
  constructor(
    views: Views,
    wants: ReadonlySet<string>,
    cloudlets: Iterable<string> | undefined,
    subscriber: ViewSubscriber,
    whole: Iterable<string> = [],
  ) {
    this.#views = views;
    this.#lanes = views.lanes.filter(({ type }) => wants.has(type));
    this.places = this.#lanes.map(({ place }) => place);
    this.#cloudlets = cloudlets && new Set(cloudlets);
    this.#whole = new Set(whole);
    this.#subscriber = subscriber;
    for (const lane of this.#lanes)
      for (const scope of this.#scopes(lane)) views.subscribe(lane, scope, subscriber);
  }

  close(): void {
    for (const lane of this.#lanes)
      for (const scope of this.#scopes(lane)) this.#views.unsubscribe(lane, scope, this.#subscriber);
  }

  /** Cloudlets in scope; 0 without one. */
  get cloudlets(): number {
    return this.#cloudlets?.size ?? 0;
  }

  /** Adds a cloudlet; what is on it comes as changes. */
  addCloudlet(cloudlet: string): void {
    if (!this.#cloudlets || this.#cloudlets.has(cloudlet)) return;
    this.#cloudlets.add(cloudlet);
    this.#setsOf = [];
    for (const lane of this.#scopedLanes()) {
      this.#views.subscribe(lane, cloudlet, this.#subscriber);
      this.#markAll(lane, cloudlet);
    }
  }

  /** Drops a cloudlet; what was on it comes as changes. */
  removeCloudlet(cloudlet: string): void {
    if (!this.#cloudlets?.delete(cloudlet)) return;
    this.#setsOf = [];
    for (const lane of this.#scopedLanes()) {
      this.#markAll(lane, cloudlet);
      this.#views.unsubscribe(lane, cloudlet, this.#subscriber);
    }
  }

  /** Of these types everything is wanted from now on, or only what is in scope; what differs comes as changes. */
  setWhole(types: Iterable<string>, whole: boolean): void {
    for (const lane of this.#lanes) {
      if (![...types].includes(lane.type) || this.#whole.has(lane.type) === whole) continue;
      if (lane.lane.rule === 'everything' || !this.#cloudlets) continue;
      if (!whole) this.#markAll(lane, EVERYTHING);
      for (const scope of this.#scopes(lane)) this.#views.unsubscribe(lane, scope, this.#subscriber);
      if (whole) this.#whole.add(lane.type);
      else this.#whole.delete(lane.type);
      this.#setsOf = [];
      for (const scope of this.#scopes(lane)) this.#views.subscribe(lane, scope, this.#subscriber);
      if (whole) this.#markAll(lane, EVERYTHING);
    }
  }

  /** Every object of a type, each once. */
  *entries(place: number): Iterable<readonly [keyJson: string, Fingerprint]> {
    const sets = this.#sets(place);
    if (sets.length === 1) return yield* sets[0]?.entries() ?? [];
    const seen = new Set<string>();
    for (const set of sets) {
      for (const entry of set.entries()) {
        if (seen.has(entry[0])) continue;
        seen.add(entry[0]);
        yield entry;
      }
    }
  }

  /** As of now; it may change with the next change. */
  digest(place: number): Digest {
    const sets = this.#sets(place);
    // An App may be on several cloudlets; anything else is on one.
    if (sets.length > 1 && place === this.#views.appPlace)
      return Digest.of([...this.entries(place)].map(([, fingerprint]) => fingerprint));
    const [first] = sets;
    if (first && sets.length === 1) return first.digest;
    const sum = new Digest();
    for (const { digest } of sets) sum.join(digest);
    return sum;
  }

  /** What is under a key now, as it stands in a frame; undefined for a key of which nothing can be said. */
  change(place: number, key: string): FrameChange | undefined {
    for (const set of this.#sets(place)) {
      const change = set.get(key);
      if (change) return change;
    }
    const bytes = this.#views.lanes[place]?.encoder.tombstone(key);
    return bytes && { bytes, place, key };
  }

  /** All objects of a type for who holds none; undefined when they are better sent one by one. */
  snapshot(place: number): CurrentSnapshot | undefined {
    // Of an origin that is gone nothing may follow, not even what was there a while ago.
    if (this.#views.lanes[place]?.encoder.source.originOf) return undefined;
    const [set, ...more] = this.#sets(place);
    return more.length === 0 ? set?.snapshot() : undefined;
  }

  /** Keys that changed after a revision, deleted ones too; undefined when that is not known any more. */
  since(place: number, revision: number): Set<string> | undefined {
    const lane = this.#views.lanes[place];
    const { source } = lane?.encoder ?? {};
    const deleted = lane?.tombstones.since(revision);
    if (!source?.revisionOf || !deleted) return undefined;
    const keys = new Set(deleted);
    for (const [key] of this.entries(place)) if (source.revisionOf(key) > revision) keys.add(key);
    // An App comes and goes with instances, without a revision of its own.
    const { appPlace, instPlace } = this.#views;
    if (!lane || place !== appPlace || this.#isWhole(lane) || instPlace === undefined) return keys;
    for (const inst of this.since(instPlace, revision) ?? []) {
      const app = this.#views.appOfInst(inst);
      if (app !== undefined) keys.add(app);
    }
    return keys;
  }

  #scopes(lane: ViewLane): Iterable<string> {
    return this.#isWhole(lane) ? [EVERYTHING] : (this.#cloudlets ?? []);
  }

  #isWhole({ type, lane }: ViewLane): boolean {
    return lane.rule === 'everything' || this.#cloudlets === undefined || this.#whole.has(type);
  }

  #sets(place: number): readonly ViewSet[] {
    const known = this.#setsOf[place];
    if (known) return known;
    const lane = this.#views.lanes[place];
    if (!lane) return [];
    const sets = [...this.#scopes(lane)].flatMap((scope) => this.#views.set(lane, scope) ?? []);
    this.#setsOf[place] = sets;
    return sets;
  }

  #scopedLanes(): readonly ViewLane[] {
    return this.#lanes.filter((lane) => !this.#isWhole(lane));
  }

  #markAll(lane: ViewLane, cloudlet: string): void {
    for (const [key] of this.#views.set(lane, cloudlet)?.entries() ?? [])
      this.#subscriber.mark(lane.place, key);
  }
}
