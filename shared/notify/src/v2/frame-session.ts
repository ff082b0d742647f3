import { type Clock, fail, type Logger } from '@edgeplane/base';
import type {
  Drain,
  Nack,
  Scope,
  StoreRevision,
  Held as WireHeld,
} from '@edgeplane/proto/edgeplane/notify.js';
import type { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import type { MessageStream } from '@edgeplane/rpc';
import { Ending } from '../ending.js';
import { notifyErrors } from '../errors.js';
import { FewLines } from '../few-lines.js';
import type { NotifyLimits } from '../limits.js';
import type { NoticeReader } from '../notice-reader.js';
import { Outbox } from '../outbox.js';
import { shortened } from '../text.js';
import type { NotifyCounters } from '../types.js';
import { decodeNotice } from '../wire.js';
import { Bell } from './bell.js';
import type { FrameKeys } from './frame-keys.js';
import { FrameReceiver, type FrameReceiverOptions } from './frame-receiver.js';
import { FrameSender } from './frame-sender.js';
import { FrameWriter } from './frame-writer.js';
import { encodeNotice, onlyAck } from './notices.js';
import type { KnownOrigin } from './origins.js';
import type { SenderClock } from './sender-clock.js';
import type { SyncTurns } from './sync-turns.js';
import { View } from './view.js';
import type { Views } from './views.js';
import { Window } from './window.js';

/** An ack goes out at the latest after this many frames. */
const FRAMES_PER_ACK = 16;
/** Refusals of the peer that are remembered. */
const MOST_REFUSALS = 100;

export interface FrameSessionOptions {
  readonly stream: MessageStream;
  readonly reader: NoticeReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: NotifyLimits;
  readonly counters: NotifyCounters;
  /** What we send. */
  readonly views: Views;
  readonly wants: ReadonlySet<string>;
  /** Key JSON of the cloudlets that the peer wants; undefined for all. */
  readonly scope: Iterable<string> | undefined;
  /** Types that a peer with a scope wants whole. */
  readonly whole?: readonly string[];
  /** Number of the scope. */
  readonly scopeNumber?: number;
  /** Send no objects before {@link FrameSession.release}. */
  readonly holdBack?: boolean;
  readonly time: SenderClock;
  readonly turns: SyncTurns;
  /** What the peer holds of us. */
  readonly peerHolds: readonly WireHeld[];
  /** What we receive. */
  readonly incoming: Omit<FrameReceiverOptions, 'askFor' | 'logger' | 'counters' | 'limits'>;
  /** Makes durable what was applied, before it is acknowledged. */
  persist?(): Promise<void>;
  onScope?(scope: Scope): void;
  onDrain?(drain: Drain): void;
  /** The peer asks how far the store is. */
  onAsksStore?(question: number): void;
  onStore?(answer: StoreRevision): void;
}

/** A session of version 2 after the handshake, the same on both ends. */
export class FrameSession {
  readonly #options: FrameSessionOptions;
  readonly #outbox: Outbox;
  readonly #window: Window<FrameKeys>;
  readonly #bell = new Bell();
  readonly #ending = new Ending();
  readonly #view: View;
  readonly #writer: FrameWriter;
  readonly #sender: FrameSender;
  readonly #receiver: FrameReceiver;
  readonly #lines: FewLines;
  readonly #refusals = new Map<string, string>();
  #cancelTick: (() => void) | undefined;
  #failure: unknown;
  #farewell = false;

  constructor(options: FrameSessionOptions) {
    this.#options = options;
    this.#lines = new FewLines(options.logger);
    const { limits, views, wants, scope, peerHolds, stream, time, turns, counters, logger } = options;
    this.#outbox = new Outbox(views.lanes.length, limits);
    this.#window = new Window(limits.maxUnackedFrames, limits.maxUnackedBytes);
    this.#view = new View(
      views,
      wants,
      scope,
      { mark: (place, keyJson) => this.#mark(place, keyJson) },
      options.whole,
    );
    for (const place of this.#view.places)
      for (const key of views.lanes[place]?.encoder.source.withdrawn?.() ?? []) this.#outbox.mark(place, key);
    const [window, bell, ending] = [this.#window, this.#bell, this.#ending];
    this.#writer = new FrameWriter({
      ...{ stream, window, bell, ending, counters },
      clock: options.clock,
      maxFrameBytes: limits.maxNoticeBytes / 2,
      maxBufferedBytes: limits.maxBufferedBytes,
    });
    this.#sender = new FrameSender({
      ...{ window, bell, ending, time, turns },
      writer: this.#writer,
      view: this.#view,
      held: new Map(peerHolds.map((held) => [held.type, held])),
      typeOf: (place) => views.lanes[place]?.type ?? '',
      outbox: this.#outbox,
      lookMs: limits.lookMs,
      digestMarks: views.digestMarks,
      scopeNumber: options.scopeNumber ?? 0,
      holdBack: options.holdBack ?? false,
    });
    this.#receiver = new FrameReceiver({
      ...options.incoming,
      logger,
      limits,
      counters,
      askFor: (place, sums) => this.#writer.askFor(place, sums),
    });
  }

  /** Changed keys waiting for the peer. */
  get waiting(): number {
    return this.#outbox.size;
  }

  /** Whether all that there was at the start has been sent. */
  get synced(): boolean {
    return this.#sender.synced;
  }

  /** Whether the peer has ended the session by itself, cleanly: it will not come back. */
  get farewell(): boolean {
    return this.#farewell;
  }

  /** Objects that the peer did not take, as type and key JSON, with the reason; until they change. */
  get refusals(): ReadonlyMap<string, string> {
    return this.#refusals;
  }

  /** Queues an encoded message notice; false when it was dropped. */
  sendMessage(frame: Buffer): boolean {
    const queued = !this.#ending.isOver && this.#outbox.addMessage(frame);
    if (queued) this.#bell.ring();
    else this.#options.counters.messagesDropped += 1;
    return queued;
  }

  /** Tells the peer which cloudlets come into our scope, or leave it, as encoded keys. */
  changeScope(scope: Scope): void {
    this.#say({ scope });
  }

  /** Tells the peer that an origin is gone, at the same moment as its reports. */
  originGone(number: number): void {
    this.#writer.originGone(number);
  }

  /** Lets the objects go that were held back. */
  release(): void {
    this.#sender.release();
  }

  /** Aborted when the session is over. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Asks the peer how far its store is. */
  askStore(question: number): void {
    this.#say({ asksStore: question });
  }

  tellStore(store: StoreRevision): void {
    this.#say({ store });
  }

  /** Tells the peer that we are about to leave. */
  drain(drain: Drain): void {
    this.#say({ drain });
  }

  /** What the peer wants grows or shrinks; too much of it ends the session. */
  addCloudlet(cloudlet: string): void {
    const { maxScope } = this.#options.limits;
    if (this.#view.cloudlets < maxScope) this.#view.addCloudlet(cloudlet);
    else this.close(fail(notifyErrors.SCOPE_TOO_LARGE, { limit: maxScope }));
  }

  removeCloudlet(cloudlet: string): void {
    this.#view.removeCloudlet(cloudlet);
  }

  /** Types that the peer wants whole, or not any more. */
  setWhole(types: readonly string[], whole: boolean): void {
    this.#view.setWhole(types, whole);
  }

  /** What the peer wants is its scope with this number now, which the next digests say. */
  scopeIs(number: number): void {
    this.#sender.scopeIs(number);
  }

  /** Ends the session, with `failure` as the reason that {@link run} rejects with. */
  close(failure?: unknown): void {
    if (this.#ending.isOver) return;
    this.#failure = failure;
    this.#ending.end('session closed');
    this.#bell.ring();
  }

  /**
   * Sends and receives until the peer ends, the stream breaks or {@link close} is called. Rejects with the reason when it
   * was not a clean end. Handlers of the frame in progress are awaited.
   */
  async run(): Promise<void> {
    this.#nextTick(this.#options.clock.monotonic());
    const sending = this.#sender.run().catch((error: unknown) => this.close(error));
    await this.#receive();
    this.close();
    await sending;
    this.#view.close();
    this.#cancelTick?.();
    await this.#receiver.ended();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Tells receivers of objects that those whom the peer spoke for are gone. */
  lose(lost: readonly KnownOrigin[]): Promise<void> {
    return this.#receiver.lost(lost);
  }

  /** Tells receivers of objects that the peer is gone for good. */
  forget(): Promise<void> {
    return this.#receiver.forgotten();
  }

  #say(what: Partial<Notice>): void {
    try {
      this.#writer.say(encodeNotice(what));
    } catch (error) {
      this.close(error);
    }
  }

  #mark(place: number, keyJson: string): void {
    if (this.#ending.isOver) return;
    if (this.#refusals.size > 0) this.#refusals.delete(this.#nameOf(place, keyJson));
    if (this.#outbox.mark(place, keyJson)) this.#bell.ring();
    else this.close(fail(notifyErrors.PEER_TOO_SLOW, { limit: this.#options.limits.maxDirtyKeys }));
  }

  async #receive(): Promise<void> {
    const { reader, counters } = this.#options;
    let last = 0;
    let frames = 0;
    let nacks: Nack[] = [];
    reader.takeAtOnce((bytes) => this.#ackAtOnce(bytes));
    try {
      for (;;) {
        const bytes = await reader.next(this.#ending.signal);
        if (bytes === undefined) {
          this.#farewell = !this.#ending.isOver;
          return;
        }
        if (!this.#ackAtOnce(bytes)) {
          counters.bytesReceived += bytes.length;
          const frame = decodeNotice(bytes);
          this.#control(frame);
          nacks.push(...(await this.#receiver.apply(frame)));
          if (frame.sequence > 0n) {
            last = this.#follow(last, Number(frame.sequence));
            frames += 1;
          }
        }
        // Whatever came last: what waits may need no ack, and nothing may come after it.
        if (frames === 0 || (reader.hasMore && frames < FRAMES_PER_ACK)) continue;
        await this.#options.persist?.();
        this.#writer.acknowledge(last, nacks);
        nacks = [];
        frames = 0;
      }
    } catch (error) {
      this.close(error);
    }
  }

  /** Takes a notice that does nothing but acknowledge, as most do that are received. */
  #ackAtOnce(bytes: Buffer): boolean {
    const ack = onlyAck(bytes);
    if (ack === undefined || this.#ending.isOver) return false;
    const { counters } = this.#options;
    counters.noticesReceived += 1;
    counters.bytesReceived += bytes.length;
    try {
      this.#acked(ack);
    } catch (error) {
      this.close(error);
    }
    return true;
  }

  #follow(last: number, sequence: number): number {
    if (sequence === last + 1) return sequence;
    throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `frame ${sequence} after frame ${last}` });
  }

  /** All that a frame says besides what is to be applied. */
  #control({ ack, nacks, sync, scope, drain, asksStore, store }: Notice): void {
    for (const nack of nacks) this.#refused(nack);
    this.#acked(Number(ack));
    for (const { type, mark } of sync) if (mark?.$case === 'buckets') this.#sender.asked(type, mark.value);
    if (scope) this.#options.onScope?.(scope);
    if (asksStore > 0) this.#options.onAsksStore?.(asksStore);
    if (store) this.#options.onStore?.(store);
    if (drain) this.#options.onDrain?.({ ...drain, reason: shortened(drain.reason) });
  }

  /** @throws EdgeplaneError NOTICE_MALFORMED */
  #acked(ack: number): void {
    const { isOpen } = this.#window;
    if (!this.#window.ack(ack))
      throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `ack of frame ${ack}, which was never sent` });
    // Nobody waits for an ack but who waits for room.
    if (!isOpen) this.#bell.ring();
  }

  #refused({ sequence, index, reason }: Nack): void {
    const found = this.#window.find(Number(sequence))?.[index];
    // It speaks of nothing that waits for its ack.
    if (!found) return;
    this.#options.counters.refusedChanges += 1;
    const name = this.#nameOf(found.place, found.key);
    const why = shortened(reason);
    this.#lines.warn({ object: name, reason: why }, 'The peer did not take an object');
    if (this.#refusals.size < MOST_REFUSALS) this.#refusals.set(name, why);
  }

  #nameOf(place: number, keyJson: string): string {
    return `${this.#options.views.lanes[place]?.type ?? ''} ${keyJson}`;
  }

  /** Now and then: who owes an ack for too long is let go, and, more seldom, digests are sent again. */
  #nextTick(bookmarked: number): void {
    if (this.#ending.isOver) return;
    const { clock, limits } = this.#options;
    const { bookmarkMs, ackTimeoutMs, lookMs } = limits;
    this.#cancelTick = clock.after(Math.min(lookMs, bookmarkMs, ackTimeoutMs), () => {
      const now = clock.monotonic();
      const since = this.#window.oldestSince;
      if (since !== undefined && now - since >= ackTimeoutMs)
        this.close(fail(notifyErrors.ACK_TIMEOUT, { ms: ackTimeoutMs }));
      const isTime = now - bookmarked >= bookmarkMs;
      if (isTime) this.#sender.bookmark();
      this.#sender.tick();
      this.#receiver.tick();
      this.#nextTick(isTime ? now : bookmarked);
    });
  }
}
