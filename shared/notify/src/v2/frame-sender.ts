import type { Duplex } from 'node:stream';
import { type Clock, fail } from '@edgeplane/base';
import type {
  Buckets,
  Nack,
  Sync,
  Digest as WireDigest,
  Held as WireHeld,
} from '@edgeplane/proto/edgeplane/notify.js';
import { Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from '../errors.js';
import type { Outbox } from '../outbox.js';
import { PacedWriter } from '../paced-writer.js';
import type { NotifyCounters } from '../types.js';
import type { Bell } from './bell.js';
import { bucketOf, bucketSums, differingBuckets, isBucketCount } from './buckets.js';
import type { Control } from './control.js';
import { keyNumber } from './digest.js';
import type { FrameKeys } from './frame-keys.js';
import { emptyNotice } from './notices.js';
import { type Plan, planOf } from './plan.js';
import type { SenderClock } from './sender-clock.js';
import type { Pack } from './snapshot.js';
import type { SyncTurns } from './sync-turns.js';
import type { View } from './view.js';
import { keysOf, numbered } from './view-entries.js';
import type { Window } from './window.js';

/** Parts of a frame that are put together before it is sent. */
const FRAME_BYTES = 64 * 1024;

/** Refusals that wait to be told; more are counted here and not told, as only the first are shown there. */
const MOST_NACKS = 1000;
/** Asks for buckets that are answered from one bookmark to the next: each costs a look at all there is. */
const MOST_ASKS = 30;
/** Notices besides changes that may wait for a slow peer, such as changes of scope. */
const MOST_PARTS = 10_000;
/** Messages that are put off for the changes before them. */
const MESSAGES_PUT_OFF = 100;
const MARK = { revision: 0n, scope: 0 };

export interface FrameSenderOptions {
  readonly stream: Duplex;
  readonly view: View;
  /** What the receiver says it holds, by full name of the type. */
  readonly held: ReadonlyMap<string, WireHeld>;
  readonly typeOf: (place: number) => string;
  readonly time: SenderClock;
  readonly outbox: Outbox;
  readonly window: Window<FrameKeys>;
  readonly bell: Bell;
  readonly turns: SyncTurns;
  /** No frame is larger, but for one change that is. */
  readonly maxFrameBytes: number;
  readonly maxBufferedBytes: number;
  readonly bookmarkMs: number;
  readonly counters: NotifyCounters;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Number of the receiver's scope to begin with. */
  readonly scopeNumber: number;
  /** Send no objects before {@link FrameSender.release}. */
  readonly holdBack: boolean;
}

/** The writing half of a session of version 2 (docs/notify-protocol.md). */
export class FrameSender {
  readonly #options: FrameSenderOptions;
  readonly #writer: PacedWriter;
  #control: Control = { ack: 0, nacks: [], buckets: new Map(), parts: [] };
  #asks = 0;
  #acked = 0;
  readonly #asked: { readonly place: number; readonly buckets: Buckets }[] = [];
  #parts: Buffer[] = [];
  #keys: FrameKeys[number][] = [];
  #bytes = 0;
  /** Origins that are gone, and the receiver does not know yet. */
  #gone: number[] = [];
  /** Number of the receiver's scope that the view is of. */
  #scope: number;
  #held: boolean;
  #synced = false;
  /** The digests that were sent last, by place; undefined when all are to be sent again. */
  #marked: Map<number, WireDigest> | undefined;

  constructor(options: FrameSenderOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.stream, options.maxBufferedBytes, options.signal);
    this.#scope = options.scopeNumber;
    this.#held = options.holdBack;
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

  /** Says that all reports of an origin are gone, before anything that changes from now on. */
  originGone(number: number): void {
    this.#gone.push(number);
    this.#options.bell.ring();
  }

  /** The view is of the receiver's scope with this number now; digests follow that say so. */
  scopeIs(number: number): void {
    this.#scope = number;
    this.bookmark();
  }

  /** Tells the other side how far its frames are applied, and what was not taken. */
  acknowledge(sequence: number, nacks: readonly Nack[]): void {
    this.#control.ack = sequence;
    this.#control.nacks.push(...nacks.slice(0, MOST_NACKS - this.#control.nacks.length));
    this.#options.bell.ring();
  }

  /** Asks the other side for what differs of its type in this place. */
  askFor(place: number, sums: readonly number[]): void {
    this.#control.buckets.set(place, sums);
    this.#options.bell.ring();
  }

  /**
   * Sends an encoded notice that has neither changes nor marks, such as a change of scope.
   * @throws EdgeplaneError PEER_TOO_SLOW
   */
  say(notice: Buffer): void {
    if (this.#control.parts.length >= MOST_PARTS)
      throw fail(notifyErrors.PEER_TOO_SLOW, { limit: MOST_PARTS });
    this.#control.parts.push(notice);
    this.#options.bell.ring();
  }

  /**
   * The other side asks for what differs of our type in this place.
   * @throws EdgeplaneError NOTICE_MALFORMED, TOO_MANY_REPAIRS
   */
  asked(place: number, buckets: Buckets): void {
    const { view, typeOf, bookmarkMs } = this.#options;
    const count = buckets.sums.length / 2;
    if (!view.places.includes(place)) return;
    if (!isBucketCount(count)) throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `${count} buckets` });
    this.#asks += 1;
    if (this.#asks > MOST_ASKS)
      throw fail(notifyErrors.TOO_MANY_REPAIRS, { type: typeOf(place), times: MOST_ASKS, ms: bookmarkMs });
    const before = this.#asked.findIndex((request) => request.place === place);
    if (before >= 0) this.#asked.splice(before, 1);
    this.#asked.push({ place, buckets });
    this.#options.bell.ring();
  }

  /** Sends digests again, if there is anything new to say; for idle times. */
  bookmark(): void {
    this.#marked = undefined;
    this.#asks = 0;
    this.#options.bell.ring();
  }

  async run(): Promise<void> {
    const { signal, bell } = this.#options;
    await this.#first();
    while (!signal.aborted) {
      if (this.#hasNews()) await this.#settle(false);
      if (this.#hasControl()) await this.#flushControl();
      const request = this.#asked.shift();
      if (request) await this.#answer(request.place, request.buckets);
      else if (this.#isIdle()) await bell.wait();
    }
  }

  #isIdle(): boolean {
    return !this.#hasNews() && this.#asked.length === 0;
  }

  /** Whether there is something to send, or digests are to be said again. */
  #hasNews(): boolean {
    return !this.#options.outbox.isEmpty || this.#gone.length > 0 || this.#marked === undefined;
  }

  #hasControl(): boolean {
    const { ack, nacks, buckets, parts } = this.#control;
    return parts.length > 0 || buckets.size > 0 || ack !== this.#acked || nacks.length > 0;
  }

  /** Brings the receiver into step, and says so. */
  async #first(): Promise<void> {
    const { view, held, typeOf, time, turns, signal, bell } = this.#options;
    while (this.#held && !signal.aborted) {
      await this.#flushControl();
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
      while (turn && !turn.granted && !signal.aborted) {
        await this.#flushControl();
        await bell.wait();
      }
      for (const { place, plan, held: known } of plans) {
        if (plan === 'all') await this.#sendAll(place);
        if (plan === 'since') await this.#sendKeys(place, view.since(place, Number(known?.revision)) ?? []);
      }
      await this.#settle(true);
    } finally {
      turn?.end();
    }
  }

  /** Sends what waits until nothing does; then, in the same turn of the event loop, the digests of all types. */
  async #settle(end: boolean): Promise<void> {
    const { outbox, window, signal } = this.#options;
    do {
      const { keys, messages } = outbox.take();
      for (const [place, changed] of keys.entries())
        if (changed.size > 0) await this.#sendKeys(place, changed);
      this.#control.parts.push(...messages);
      // While changes go on and on, messages would gather.
      if (this.#control.parts.length > MESSAGES_PUT_OFF) await this.#flushControl();
      if (!window.isOpen) await this.#room();
      if (signal.aborted) return;
    } while (!outbox.isEmpty);
    const sync = this.#marks();
    if (!end && sync.length === 0 && this.#parts.length === 0 && this.#gone.length === 0) return;
    await this.#write({
      sync,
      action: end ? NoticeAction.SENDALL_END : NoticeAction.NONE,
    });
    if (end) this.#synced = true;
  }

  /** The digests of types that have others than were said last; of all when they are to be said again. */
  #marks(): Sync[] {
    const { view, time } = this.#options;
    const all = this.#marked === undefined;
    const said = this.#marked ?? new Map<number, WireDigest>();
    this.#marked = said;
    const sync: Sync[] = [];
    for (const place of view.places) {
      const digest = view.digest(place);
      if (!all && digest.equals(said.get(place))) continue;
      const value = digest.toWire();
      said.set(place, value);
      const revision = BigInt(time.revision(place));
      sync.push({ type: place, mark: { $case: 'digest', value }, revision, scope: this.#scope });
    }
    return sync;
  }

  /** What the receiver has asked for: the buckets that differ, whole. */
  async #answer(place: number, { sums }: Buckets): Promise<void> {
    const { view, outbox } = this.#options;
    if (!view.places.includes(place)) return;
    const of = sums.length / 2;
    const differing = new Set(differingBuckets(bucketSums(numbered(view.entries(place)), of), sums));
    await this.#flushParts();
    const reset = { of, buckets: [...differing] };
    await this.#write({ sync: [{ ...MARK, type: place, mark: { $case: 'reset', value: reset } }] });
    // No bucket differs, and yet the digests do: an object whose fingerprint is 0 counts, and adds nothing. All is sent.
    const isToBeSent = (key: string) => differing.size === 0 || differing.has(bucketOf(keyNumber(key), of));
    const keys = keysOf(view.entries(place)).filter((key) => isToBeSent(key) && !outbox.isMarked(place, key));
    await this.#sendKeys(place, keys);
    this.#marked = undefined;
    await this.#settle(false);
  }

  /** Everything of a type, if it may be as it was a while ago first. */
  async #sendAll(place: number): Promise<void> {
    const { view, signal } = this.#options;
    const snapshot = view.snapshot(place);
    if (!snapshot) return this.#sendKeys(place, keysOf(view.entries(place)));
    await this.#flushParts();
    for (const pack of snapshot.packs) {
      if (signal.aborted) return;
      await this.#write({}, pack);
    }
    await this.#sendKeys(place, snapshot.late);
  }

  /** Adds changes to frames, and sends those that are full. Keys that wait in the outbox come later. */
  async #sendKeys(place: number, keys: Iterable<string>): Promise<void> {
    const { signal, outbox } = this.#options;
    for (const key of keys) {
      if (signal.aborted) return;
      if (outbox.isMarked(place, key)) continue;
      const change = await this.#roomFor(place, key);
      if (!change) continue;
      const { part, tombstone } = change;
      this.#parts.push(part);
      this.#keys.push({ place, key, tombstone });
      this.#bytes += part.length;
      if (this.#bytes >= FRAME_BYTES) await this.#flushParts();
    }
  }

  /**
   * What a key is now, when it fits into the frame and no origin is gone without a word: of one that is gone nothing follows,
   * and nothing that was its is taken for withdrawn by it.
   */
  async #roomFor(place: number, key: string): Promise<ReturnType<View['change']>> {
    const { view, signal, maxFrameBytes } = this.#options;
    while (!signal.aborted) {
      const change = view.change(place, key);
      const full = change && this.#bytes > 0 && this.#bytes + change.part.length > maxFrameBytes;
      if (!full && this.#gone.length === 0) return change;
      await this.#write({});
    }
    return undefined;
  }

  async #flushParts(): Promise<void> {
    if (this.#parts.length > 0) await this.#write({});
  }

  /** Writes one frame: the changes that have been gathered, or a pack of them, then what is given. */
  async #write(what: Partial<Notice>, pack?: Pack): Promise<void> {
    const { window, signal, counters, clock } = this.#options;
    if (!window.isOpen) await this.#room();
    if (signal.aborted) return;
    const { ack, nacks } = this.#takeAck();
    const sequence = window.next;
    const gone = this.#gone;
    this.#gone = [];
    const rest = Notice.encode({
      ...emptyNotice(),
      ...what,
      gone,
      sequence: BigInt(sequence),
      ack: BigInt(ack),
      nacks,
    }).finish();
    const keys = pack?.keys ?? this.#keys;
    const frame = Buffer.concat(pack ? [pack.bytes, rest] : [...this.#parts, rest]);
    window.sent(frame.length, clock.monotonic(), keys);
    counters.changesSent += keys.length;
    if (!pack) {
      this.#parts = [];
      this.#keys = [];
      this.#bytes = 0;
    }
    await this.#send(frame);
  }

  /** Waits until frames may be sent; what needs no room goes meanwhile. */
  async #room(): Promise<void> {
    const { window, bell, signal } = this.#options;
    while (!window.isOpen && !signal.aborted) {
      await this.#flushControl();
      if (!window.isOpen) await bell.wait();
    }
  }

  #takeAck(): { readonly ack: number; readonly nacks: Nack[] } {
    const { ack, nacks } = this.#control;
    this.#control.nacks = [];
    this.#acked = ack;
    return { ack, nacks };
  }

  async #flushControl(): Promise<void> {
    const control = this.#control;
    const { parts, buckets } = control;
    if (parts.length > 0) {
      control.parts = [];
      for (const part of parts) await this.#send(part);
    }
    if (buckets.size === 0 && control.ack === this.#acked && control.nacks.length === 0) return;
    control.buckets = new Map();
    const sync = Array.from(
      buckets,
      ([place, sums]): Sync => ({
        ...MARK,
        type: place,
        mark: { $case: 'buckets', value: { sums: [...sums] } },
      }),
    );
    const { ack, nacks } = this.#takeAck();
    await this.#send(
      Buffer.from(Notice.encode({ ...emptyNotice(), sync, ack: BigInt(ack), nacks }).finish()),
    );
  }

  async #send(frame: Buffer): Promise<void> {
    if (!(await this.#writer.write(frame))) return;
    this.#options.counters.noticesSent += 1;
    this.#options.counters.bytesSent += frame.length;
  }
}
