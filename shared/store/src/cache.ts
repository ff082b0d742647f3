import {
  Backoff,
  type Clock,
  fail,
  isKind,
  type Logger,
  messageOf,
  type Random,
  silentLogger,
  sleep,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import { storeErrors } from './errors.js';
import { type CacheChange, type CacheType, ObjectCache } from './object-cache.js';
import { untilListed } from './pages.js';
import { RevisionWaiters } from './revision-waiters.js';
import type { Entry, Op, Store, WatchBatch } from './store.js';

/** An entry that could not be turned into an object. Its last good value, if any, stays in the cache. */
export interface BadEntry {
  /** The whole store key. */
  readonly key: string;
  /** Name of the type. */
  readonly type: string;
  readonly revision: number;
  readonly error: unknown;
}

export interface CacheSyncOptions {
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Called once per bad revision of a key. */
  readonly onBadEntry?: (bad: BadEntry) => void;
}

/** A change of a key; without `entry` it is gone. */
interface KeyChange {
  readonly key: string;
  readonly entry?: Entry;
}

/** What is left of a listing when its pages have been looked at. */
interface Listing {
  readonly revision: number;
  /** All keys. */
  readonly present: ReadonlySet<string>;
  /** What the caches did not have at that time. */
  readonly changes: readonly KeyChange[];
}

/** How long `reached` waits for the watch before it lists, milliseconds; then as long again and more each time. */
const PROBE = { base: 500, max: 10_000 };

/** Own revisions kept for later; beyond this the watch brings them. */
const MAX_EARLY = 1024;

/**
 * Keeps the caches of one region up to date (controller spec sections 7 and 8.7): lists, then watches; lists again on
 * COMPACTED and on any doubt, and takes over the difference. One watch feeds all caches and applies a whole revision before
 * anybody is told, so that the objects of one transaction appear together.
 */
export class CacheSync {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onBadEntry: (bad: BadEntry) => void;
  readonly #caches: ObjectCache<unknown>[] = [];
  /** Store key to the revision that could not be decoded. */
  readonly #bad = new Map<string, number>();
  readonly #waiters = new RevisionWaiters();
  readonly #stop = new AbortController();
  /** Revisions of our own that came before those between. */
  readonly #early = new Map<number, readonly Op[]>();
  #revision = 0;
  #unlisten: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #probing: Promise<void> | undefined;

  /** `region` without a slash at its end. */
  constructor(store: Store, region: string, options: CacheSyncOptions = {}) {
    this.#store = store;
    this.#prefix = `${region}/`;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#onBadEntry = options.onBadEntry ?? (() => undefined);
  }

  /** What the store's own revision is, which this may not have reached. @throws as the store */
  async storedRevision(): Promise<number> {
    return (await this.#store.get(this.#prefix)).revision;
  }

  /** Everything up to this revision has been applied. */
  get revision(): number {
    return this.#revision;
  }

  /** Keys whose newest value could not be decoded, with its revision. */
  get badKeys(): ReadonlyMap<string, number> {
    return new Map(this.#bad);
  }

  /** Adds a cache; to be called before {@link start}. */
  register<T>(type: CacheType<T>): ObjectCache<T> {
    if (this.#running) throw new Error(`cache ${type.name} registered after the start`);
    const cache = new ObjectCache(type);
    // Only what was decoded by the type itself comes out of its cache.
    this.#caches.push(cache as ObjectCache<unknown>);
    this.#caches.sort((a, b) => b.type.prefix.length - a.type.prefix.length);
    return cache;
  }

  /** Loads everything and begins to follow. @throws what the store's first listing throws; may be called again then. */
  async start(): Promise<void> {
    if (this.#running) throw new Error('started twice');
    await this.#load();
    this.#stop.signal.throwIfAborted();
    this.#unlisten = this.#store.onCommit?.((revision, ops) => this.#takeOwn(revision, ops));
    this.#running = this.#follow();
  }

  /** Nobody reads the caches yet, so each page goes into them at once and is not held. Listeners wait for the last. */
  async #load(): Promise<void> {
    const told: (() => void)[] = [];
    const { revision, present } = await untilListed(() =>
      this.#list((changes, at) => {
        for (const tell of this.#change(changes, at)) told.push(tell);
      }),
    );
    if (this.#stop.signal.aborted) return;
    // Left from a listing that did not come to its end.
    for (const tell of this.#change(this.#missing(present), revision)) told.push(tell);
    this.#settle(revision, told);
  }

  /** Ends the watch and waits for its end; the caches keep what they have, waiting calls of `reached` are rejected. */
  async stop(): Promise<void> {
    this.#unlisten?.();
    this.#stop.abort(fail(storeErrors.STORE_CLOSED));
    this.#waiters.rejectAll(this.#stop.signal.reason);
    await Promise.all([this.#running, this.#probing]);
  }

  /**
   * What the caches know of a store key as of {@link revision}: revision 0 means absent. Undefined when no cache holds such
   * keys, or the newest value could not be decoded.
   */
  known(key: string): { readonly revision: number; readonly value?: unknown } | undefined {
    const place = this.#place(key);
    if (!place || this.#bad.has(key)) return undefined;
    return place.cache.get(place.own) ?? { revision: 0 };
  }

  /**
   * Resolves when every change up to `revision` has been applied and told. A revision that changed nothing in this region
   * may never show up in the watch; then a listing settles it, within about a second.
   * @throws the reason of `signal`; EdgeplaneError STORE_CLOSED after {@link stop}.
   */
  async reached(revision: number, signal?: AbortSignal): Promise<void> {
    if (this.#revision >= revision) return;
    this.#stop.signal.throwIfAborted();
    const waiting = this.#waiters.wait(revision, signal);
    this.#probing ??= this.#probe();
    await waiting;
  }

  /** While somebody waits: lists when the first of them has waited for a whole round. One listing for all who wait. */
  async #probe(): Promise<void> {
    const { signal } = this.#stop;
    let bound = PROBE.base;
    while (this.#waiters.size > 0 && !signal.aborted) {
      const first = this.#waiters.first;
      await sleep(this.#clock, bound * (0.5 + this.#random.next() / 2), signal).catch(() => undefined);
      if (signal.aborted) break;
      if (this.#waiters.first !== first) {
        bound = PROBE.base;
        continue;
      }
      bound = Math.min(PROBE.max, bound * 2);
      try {
        const listing = await this.#listAll();
        if (listing.revision > this.#revision) this.#reconcile(listing);
      } catch (error) {
        this.#logger.warn({ reason: messageOf(error) }, 'listing for a waiting call failed');
      }
    }
    this.#probing = undefined;
  }

  /** The watch loop. Ends only by {@link stop} or when the store is closed. */
  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff({ base: 100, max: 5000 }, this.#random);
    while (!signal.aborted) {
      try {
        for await (const batch of this.#store.watch(this.#prefix, this.#revision, signal)) {
          backoff.reset();
          this.#takeBatch(batch);
        }
        if (!signal.aborted) this.#logger.warn({ rev: this.#revision }, 'watch ended: listing again');
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ rev: this.#revision, reason: messageOf(error) }, 'watch failed: listing again');
      }
      if (!(await this.#relist(backoff))) return;
    }
  }

  /** Lists until it works; false when there is no more to be had. */
  async #relist(backoff: Backoff): Promise<boolean> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const known = this.#revision;
        const listing = await this.#listAll();
        // Own writes may have come meanwhile, which are newer. One older than what was known before is of another store.
        const isOld = listing.revision < this.#revision && listing.revision >= known;
        if (!isOld) this.#reconcile(listing);
        // Not at once again, should the watch keep failing.
        await sleep(this.#clock, backoff.next(), signal).catch(() => undefined);
        return true;
      } catch (error) {
        if (isKind(error, storeErrors.STORE_CLOSED)) {
          this.#waiters.rejectAll(error);
          return false;
        }
        this.#logger.warn({ reason: messageOf(error) }, 'listing failed');
        await sleep(this.#clock, backoff.next(), signal).catch(() => undefined);
      }
    }
    return false;
  }

  #takeBatch(batch: WatchBatch): void {
    // A listing may have been faster than the watch.
    if (batch.revision <= this.#revision) return;
    const changes = batch.events.map(
      (event): KeyChange =>
        event.type === 'put' ? { key: event.entry.key, entry: event.entry } : { key: event.key },
    );
    this.#apply(changes, batch.revision);
    this.#takeEarly();
  }

  /**
   * What this process wrote itself need not come back by the watch: it is applied as soon as it is the next revision, and
   * the watch's own report of it is then old. Revisions of others in between come by the watch.
   */
  #takeOwn(revision: number, ops: readonly Op[]): void {
    if (revision <= this.#revision || this.#early.size >= MAX_EARLY || this.#stop.signal.aborted) return;
    this.#early.set(revision, ops);
    if (revision === this.#revision + 1) this.#takeEarly();
  }

  /** Applies the revisions of our own that follow on what has been applied, and forgets those that are old. */
  #takeEarly(): void {
    for (let next = this.#revision + 1; ; next++) {
      const ops = this.#early.get(next);
      if (!ops) break;
      const changes = ops.map(
        (op): KeyChange =>
          op.type === 'put'
            ? { key: op.key, entry: { key: op.key, value: op.value, revision: next } }
            : { key: op.key },
      );
      this.#apply(changes, next);
    }
    for (const revision of this.#early.keys()) if (revision <= this.#revision) this.#early.delete(revision);
  }

  /** Lists in pages, of which nothing is kept but the keys; `take` gets what the caches do not have. Cut short by {@link stop}. */
  async #list(
    take: (changes: readonly KeyChange[], revision: number) => void,
  ): Promise<Pick<Listing, 'revision' | 'present'>> {
    const present = new Set<string>();
    let at = 0;
    for await (const { entries, revision } of this.#store.listPages(this.#prefix)) {
      if (this.#stop.signal.aborted) break;
      const changes: KeyChange[] = [];
      for (const entry of entries) {
        present.add(entry.key);
        if (this.#knownRevision(entry.key) !== entry.revision) changes.push({ key: entry.key, entry });
      }
      take(changes, revision);
      at = revision;
    }
    return { revision: at, present };
  }

  /** A whole listing, for caches that are in use. */
  #listAll(): Promise<Listing> {
    return untilListed(async () => {
      const all: KeyChange[] = [];
      const listed = await this.#list((changes) => {
        for (const change of changes) all.push(change);
      });
      return { ...listed, changes: all };
    });
  }

  /** Makes the caches equal to a listing, whatever they hold by now, and tells the differences. */
  #reconcile({ revision, present, changes }: Listing): void {
    if (this.#stop.signal.aborted) return;
    // The watch may have brought some of it since.
    const newer = changes.filter(({ key, entry }) => this.#knownRevision(key) !== entry?.revision);
    // Another store than before: what was written to that one means nothing here.
    if (revision < this.#revision) this.#early.clear();
    this.#apply([...newer, ...this.#missing(present)], revision);
    this.#takeEarly();
  }

  /** What the caches have and a listing has not. */
  #missing(present: ReadonlySet<string>): KeyChange[] {
    const changes: KeyChange[] = [];
    for (const cache of this.#caches) {
      for (const own of cache.keys()) {
        const key = this.#prefix + cache.type.prefix + own;
        if (!present.has(key)) changes.push({ key });
      }
    }
    for (const key of this.#bad.keys()) if (!present.has(key)) changes.push({ key });
    return changes;
  }

  #knownRevision(key: string): number | undefined {
    const place = this.#place(key);
    return this.#bad.get(key) ?? place?.cache.get(place.own)?.revision;
  }

  /** Everything is applied before anybody is told; those who wait for the revision come last. */
  #apply(changes: readonly KeyChange[], revision: number): void {
    this.#settle(revision, this.#change(changes, revision));
  }

  /** Applies changes without telling; returns what is to be told. */
  #change(changes: readonly KeyChange[], revision: number): (() => void)[] {
    const told: (() => void)[] = [];
    for (const change of changes) {
      const place = this.#place(change.key);
      if (!place) continue;
      this.#logger.debug({ key: change.key, rev: revision, gone: change.entry === undefined }, 'Stored data');
      const applied = this.#applyOne(place, change, revision);
      if (applied && place.cache.isWatched(applied.key)) told.push(() => this.#tell(place.cache, applied));
    }
    return told;
  }

  #settle(revision: number, told: readonly (() => void)[]): void {
    this.#revision = revision;
    for (const tell of told) tell();
    this.#waiters.release(revision);
  }

  #applyOne(
    { cache, own }: { cache: ObjectCache<unknown>; own: string },
    { key, entry }: KeyChange,
    revision: number,
  ): CacheChange<unknown> | undefined {
    try {
      const change = cache.apply(own, entry, entry?.revision ?? revision);
      this.#bad.delete(key);
      return change;
    } catch (error) {
      const bad = { key, type: cache.type.name, revision: entry?.revision ?? revision, error };
      this.#bad.set(key, bad.revision);
      this.#logger.error({ key, type: bad.type, rev: bad.revision, reason: messageOf(error) }, 'bad entry');
      this.#guard('onBadEntry', () => this.#onBadEntry(bad));
      return undefined;
    }
  }

  #tell(cache: ObjectCache<unknown>, change: CacheChange<unknown>): void {
    for (const listener of cache.listenersOf(change.key)) {
      this.#guard(`listener of ${cache.type.name}`, () => listener(change));
    }
  }

  /** A failing listener is its own problem, not the other listeners'. */
  #guard(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error, what }, 'a cache listener threw');
    }
  }

  /** The cache of a store key and its key in there; undefined for a key of no registered type. */
  #place(key: string): { cache: ObjectCache<unknown>; own: string } | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const rest = key.slice(this.#prefix.length);
    const cache = this.#caches.find(({ type }) => rest.startsWith(type.prefix));
    return cache && { cache, own: rest.slice(cache.type.prefix.length) };
  }
}
