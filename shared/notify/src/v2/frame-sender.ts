import { fail } from '@edgeplane/base';
import type { Buckets, Held as WireHeld } from '@edgeplane/proto/edgeplane/notify.js';
import type { Ending } from '../ending.js';
import { notifyErrors } from '../errors.js';
import type { Outbox } from '../outbox.js';
import type { Bell } from './bell.js';
import { bucketOf, bucketSums, differingBuckets, isBucketCount } from './buckets.js';
import { keyNumber } from './digest.js';
import type { FrameKeys } from './frame-keys.js';
import type { FrameWriter, Later } from './frame-writer.js';
import { type DigestMarks, markBytes, SaidDigests } from './marks.js';
import { type Plan, planOf } from './plan.js';
import type { SenderClock } from './sender-clock.js';
import type { SyncTurns } from './sync-turns.js';
import type { View } from './view.js';
import { keysOf, numbered } from './view-entries.js';
import type { Window } from './window.js';

/** Asks for buckets that are answered from one tick to the next: each costs a look at all there is. */
const MOST_ASKS = 30;
/** Messages that are put off for the changes before them. */
const MESSAGES_PUT_OFF = 100;

export interface FrameSenderOptions {
  readonly writer: FrameWriter;
  readonly view: View;
  /** What the receiver says it holds, by full name of the type. */
  readonly held: ReadonlyMap<string, WireHeld>;
  readonly typeOf: (place: number) => string;
  readonly time: SenderClock;
  readonly outbox: Outbox;
  readonly window: Window<FrameKeys>;
  readonly bell: Bell;
  readonly turns: SyncTurns;
  readonly lookMs: number;
  readonly ending: Ending;
  readonly digestMarks: DigestMarks;
  /** Number of the receiver's scope to begin with. */
  readonly scopeNumber: number;
  /** Send no objects before {@link FrameSender.release}. */
  readonly holdBack: boolean;
}

/** Decides what a session of version 2 sends and when (docs/notify-protocol.md). */
export class FrameSender {
  readonly #options: FrameSenderOptions;
  readonly #asked: { readonly place: number; readonly buckets: Buckets }[] = [];
  #asks = 0;
  /** Number of the receiver's scope that the view is of. */
  #scope: number;
  #held: boolean;
  #synced = false;
  readonly #said: SaidDigests;

  constructor(options: FrameSenderOptions) {
    this.#options = options;
    this.#scope = options.scopeNumber;
    this.#held = options.holdBack;
    this.#said = new SaidDigests(options.view.places);
  }

  /** Whether all that there was at the start has been sent. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Lets the objects go that were held back. */
  release(): void {
    this.#held = false;
    this.#options.bell.ring();
  }

  /** The view is of the receiver's scope with this number now; digests follow that say so. */
  scopeIs(number: number): void {
    this.#scope = number;
    this.bookmark();
  }

  /**
   * The other side asks for what differs of our type in this place.
   * @throws EdgeplaneError NOTICE_MALFORMED, TOO_MANY_REPAIRS
   */
  asked(place: number, buckets: Buckets): void {
    const { view, typeOf, lookMs } = this.#options;
    const count = buckets.sums.length / 2;
    if (!view.places.includes(place)) return;
    if (!isBucketCount(count)) throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `${count} buckets` });
    this.#asks += 1;
    if (this.#asks > MOST_ASKS)
      throw fail(notifyErrors.TOO_MANY_REPAIRS, { type: typeOf(place), times: MOST_ASKS, ms: lookMs });
    const before = this.#asked.findIndex((request) => request.place === place);
    if (before >= 0) this.#asked.splice(before, 1);
    this.#asked.push({ place, buckets });
    this.#options.bell.ring();
  }

  /** `lookMs` have passed. */
  tick(): void {
    this.#asks = 0;
  }

  /** Sends all digests again, though nothing may have changed. */
  bookmark(): void {
    this.#said.forget();
    this.#asks = 0;
    this.#options.bell.ring();
  }

  async run(): Promise<void> {
    const { ending, bell, writer } = this.#options;
    await this.#first();
    while (!ending.isOver) {
      // Most of what there is to do needs no waiting.
      const settled = this.#hasNews() ? this.#settle(false) : undefined;
      if (settled) await settled;
      const said = writer.flushControl();
      if (said) await said;
      const request = this.#asked.shift();
      if (request) await this.#answer(request.place, request.buckets);
      else if (!this.#hasNews() && this.#asked.length === 0) await bell.wait();
    }
  }

  /** Whether there is something to send, or digests are to be said again. */
  #hasNews(): boolean {
    const { outbox, writer } = this.#options;
    return !outbox.isEmpty || writer.hasNews || this.#said.isForgotten;
  }

  /** Brings the receiver into step, and says so. */
  async #first(): Promise<void> {
    const { view, held, typeOf, time, turns, ending, bell } = this.#options;
    while (this.#held && !ending.isOver) {
      await this.#options.writer.flushControl();
      await bell.wait();
    }
    const plans = view.places.map((place): { place: number; plan: Plan; held: WireHeld | undefined } => {
      const known = held.get(typeOf(place));
      const { lineage } = time;
      const input = { held: known, view: view.digest(place), lineage, revision: time.revision(place) };
      return { place, plan: planOf(input), held: known };
    });
    const work = plans.some(({ plan }) => plan === 'all' || plan === 'since');
    const turn = work ? turns.request(() => bell.ring()) : undefined;
    try {
      while (turn && !turn.granted && !ending.isOver) {
        await this.#options.writer.flushControl();
        await bell.wait();
      }
      for (const { place, plan, held: known } of plans) {
        if (plan === 'all') await this.#sendAll(place);
        if (plan === 'since') await this.#sendKeys(place, view.since(place, Number(known?.revision)) ?? []);
      }
      await this.#settle(true);
      this.#synced = !ending.isOver;
    } finally {
      turn?.end();
    }
  }

  /** Sends what waits until nothing does; then, in the same turn of the event loop, the digests of all types. */
  #settle(end: boolean): Later {
    const sent = this.#sendWaiting();
    return sent ? this.#settleAfter(sent, end) : this.#finish(end);
  }

  async #settleAfter(sending: Promise<void>, end: boolean): Promise<void> {
    const { outbox, ending } = this.#options;
    await sending;
    while (!outbox.isEmpty && !ending.isOver) await this.#sendWaiting();
    await this.#finish(end);
  }

  /** Sends what waits now; afterwards there is room for a frame. */
  #sendWaiting(): Later {
    const { outbox, window } = this.#options;
    const { keys, messages } = outbox.take();
    const sent = this.#sendTypes(keys, 0);
    return sent || messages.length > 0 || !window.isOpen ? this.#endRound(sent, messages) : undefined;
  }

  async #endRound(sent: Later, messages: readonly Buffer[]): Promise<void> {
    const { window, writer } = this.#options;
    await sent;
    // While changes go on and on, messages would gather.
    if (writer.putOff(messages) > MESSAGES_PUT_OFF) await writer.flushControl();
    if (!window.isOpen) await writer.room();
  }

  #finish(end: boolean): Later {
    const { ending, writer } = this.#options;
    if (ending.isOver) return undefined;
    const marks = this.#marks();
    return end || marks.length > 0 || writer.hasNews ? writer.write(marks, end) : undefined;
  }

  /** The digests of types that have others than were said last; of all when they are to be said again. */
  #marks(): Buffer[] {
    const { view, time, digestMarks } = this.#options;
    const marks: Buffer[] = [];
    this.#said.say(view, (place, digest) =>
      marks.push(digestMarks.of(place, digest, time.revision(place), this.#scope)),
    );
    return marks;
  }

  /** What the receiver has asked for: the buckets that differ, whole. */
  async #answer(place: number, { sums }: Buckets): Promise<void> {
    const { view, outbox, writer } = this.#options;
    if (!view.places.includes(place)) return;
    const of = sums.length / 2;
    const differing = new Set(differingBuckets(bucketSums(numbered(view.entries(place)), of), sums));
    await this.#options.writer.flushChanges();
    const reset = { of, buckets: [...differing] };
    await writer.write([
      markBytes({ type: place, mark: { $case: 'reset', value: reset }, revision: 0n, scope: 0 }),
    ]);
    // No bucket differs, and yet the digests do: an object whose fingerprint is 0 counts, and adds nothing. All is sent.
    const isToBeSent = (key: string) => differing.size === 0 || differing.has(bucketOf(keyNumber(key), of));
    const keys = keysOf(view.entries(place)).filter((key) => isToBeSent(key) && !outbox.isMarked(place, key));
    await this.#sendKeys(place, keys);
    this.#said.forget();
    await this.#settle(false);
  }

  /** Everything of a type, if it may be as it was a while ago first. */
  async #sendAll(place: number): Promise<void> {
    const { view, ending } = this.#options;
    const snapshot = view.snapshot(place);
    if (!snapshot) return this.#sendKeys(place, keysOf(view.entries(place)));
    await this.#options.writer.flushChanges();
    for (const pack of snapshot.packs) {
      if (ending.isOver) return;
      await this.#options.writer.write([], false, pack);
    }
    await this.#sendKeys(place, snapshot.late);
  }

  /** The keys of all types from a place on. */
  #sendTypes(keys: readonly ReadonlySet<string>[], from: number): Later {
    for (let place = from; place < keys.length; place++) {
      const changed = keys[place];
      if (!changed || changed.size === 0) continue;
      this.#said.touch(place);
      const sent = this.#sendKeys(place, changed);
      if (sent) return sent.then(() => this.#sendTypes(keys, place + 1));
    }
    return undefined;
  }

  /** Adds changes to frames, and sends those that are full. Keys that wait in the outbox come later. */
  #sendKeys(place: number, keys: Iterable<string>): Later {
    const left = keys[Symbol.iterator]();
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const added = this.#add(place, next.value);
      if (added) return this.#sendRest(added, place, left);
    }
    return undefined;
  }

  async #sendRest(adding: Promise<void>, place: number, left: Iterator<string>): Promise<void> {
    await adding;
    for (let next = left.next(); next.done !== true; next = left.next()) {
      const added = this.#add(place, next.value);
      if (added) await added;
    }
  }

  /** Adds what a key is now to the frame. */
  #add(place: number, key: string): Later {
    const { view, ending, outbox, writer } = this.#options;
    if (ending.isOver || outbox.isMarked(place, key)) return undefined;
    const change = view.change(place, key);
    if (writer.hasToGoFirst(change)) return this.#addAfter(writer.write([]), place, key);
    return change && writer.add(change);
  }

  /** By then it may be something else. */
  async #addAfter(writing: Later, place: number, key: string): Promise<void> {
    await writing;
    await this.#add(place, key);
  }
}
