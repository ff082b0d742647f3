import { type Clock, fail } from '@edgeplane/base';
import type { Nack } from '@edgeplane/proto/edgeplane/notify.js';
import type { MessageStream } from '@edgeplane/rpc';
import type { Ending } from '../ending.js';
import { notifyErrors } from '../errors.js';
import { PacedWriter } from '../paced-writer.js';
import type { NotifyCounters } from '../types.js';
import type { Bell } from './bell.js';
import { frameBytes } from './frame-bytes.js';
import type { FrameKey, FrameKeys } from './frame-keys.js';
import { markBytes } from './marks.js';
import { encodeNotice } from './notices.js';
import type { Pack } from './snapshot.js';
import type { Window } from './window.js';

/** Parts of a frame that are put together before it is sent. */
const FRAME_BYTES = 64 * 1024;
/** Refusals that wait to be told; more are counted here and not told, as only the first are shown there. */
const MOST_NACKS = 1000;
/** Notices besides changes that may wait for a slow peer, such as changes of scope. */
const MOST_PARTS = 10_000;
const NOTHING = Buffer.alloc(0);
const NO_KEYS: FrameKeys = [];

/** Undefined for what is done already: what needs no waiting costs no promise. */
export type Later = Promise<void> | undefined;

/** One change of a frame. */
export interface FrameChange extends FrameKey {
  /** As it stands in a frame. */
  readonly bytes: Buffer;
}

export interface FrameWriterOptions {
  readonly stream: MessageStream;
  readonly window: Window<FrameKeys>;
  readonly bell: Bell;
  /** No frame is larger, but for one change that is. */
  readonly maxFrameBytes: number;
  readonly maxBufferedBytes: number;
  readonly counters: NotifyCounters;
  readonly clock: Clock;
  readonly ending: Ending;
}

/**
 * Puts frames together and writes them when the window allows. What it is told while the sender waits, such as acks, is said
 * with the next frame, or by {@link flushControl}.
 */
export class FrameWriter {
  readonly #options: FrameWriterOptions;
  readonly #writer: PacedWriter;
  #changes: FrameChange[] = [];
  #bytes = 0;
  /** Origins that are gone, and the receiver does not know yet. */
  #gone: number[] = [];
  /** Notices that go whatever the window, as acks and asks do. */
  #notices: Buffer[] = [];
  #ack = 0;
  #acked = 0;
  #nacks: Nack[] = [];
  /** Asks for buckets, by place; of a type only the last is wanted. */
  readonly #asks = new Map<number, readonly number[]>();

  constructor(options: FrameWriterOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.stream, options.maxBufferedBytes, options.ending);
  }

  /** Says that all reports of an origin are gone, before anything that changes from now on. */
  originGone(number: number): void {
    this.#gone.push(number);
    this.#options.bell.ring();
  }

  /** Tells the other side how far its frames are applied, and what was not taken. */
  acknowledge(sequence: number, nacks: readonly Nack[]): void {
    this.#ack = sequence;
    this.#nacks.push(...nacks.slice(0, MOST_NACKS - this.#nacks.length));
    this.#options.bell.ring();
  }

  /** Asks the other side for what differs of its type in this place. */
  askFor(place: number, sums: readonly number[]): void {
    this.#asks.set(place, sums);
    this.#options.bell.ring();
  }

  /**
   * Sends an encoded notice that has neither changes nor marks, such as a change of scope.
   * @throws EdgeplaneError PEER_TOO_SLOW
   */
  say(notice: Buffer): void {
    if (this.#notices.length >= MOST_PARTS) throw fail(notifyErrors.PEER_TOO_SLOW, { limit: MOST_PARTS });
    this.#notices.push(notice);
    this.#options.bell.ring();
  }

  /** Puts messages off that {@link flushControl} sends; how many notices wait for it. */
  putOff(messages: readonly Buffer[]): number {
    this.#notices.push(...messages);
    return this.#notices.length;
  }

  /** Whether something has to go out in the next frame, whatever else it says. */
  get hasNews(): boolean {
    return this.#changes.length > 0 || this.#gone.length > 0;
  }

  /**
   * Whether a change has to wait for the frame before it: when it does not fit, and when an origin is gone without a word: of
   * one that is gone nothing follows, and nothing that was its is taken for withdrawn by it.
   */
  hasToGoFirst(change: FrameChange | undefined): boolean {
    if (this.#gone.length > 0) return true;
    const { maxFrameBytes } = this.#options;
    return change !== undefined && this.#bytes > 0 && this.#bytes + change.bytes.length > maxFrameBytes;
  }

  /** Adds a change to the frame, which is sent when it is full. */
  add(change: FrameChange): Later {
    this.#changes.push(change);
    this.#bytes += change.bytes.length;
    return this.#bytes >= FRAME_BYTES ? this.write([]) : undefined;
  }

  flushChanges(): Later {
    return this.#changes.length > 0 ? this.write([]) : undefined;
  }

  /** Writes one frame: the changes that have been added, or a pack of them, then marks, then that this was all. */
  write(marks: readonly Buffer[], end = false, pack?: Pack): Later {
    return this.#options.window.isOpen
      ? this.#writeNow(marks, end, pack)
      : this.#writeLater(marks, end, pack);
  }

  /** Waits until frames may be sent; what needs no room goes meanwhile. */
  async room(): Promise<void> {
    const { window, bell, ending } = this.#options;
    while (!window.isOpen && !ending.isOver) {
      await this.flushControl();
      if (!window.isOpen) await bell.wait();
    }
  }

  /** Sends what needs no room in the window. */
  flushControl(): Later {
    if (this.#notices.length > 0) return this.#flushNotices();
    const [ack, asks] = [this.#ack, this.#asks];
    if (asks.size === 0 && this.#nacks.length === 0 && ack === this.#acked) return undefined;
    const marks = Array.from(asks, ([type, sums]) =>
      markBytes({ type, mark: { $case: 'buckets', value: { sums: [...sums] } }, revision: 0n, scope: 0 }),
    );
    asks.clear();
    return this.#send(
      frameBytes({ changes: [], between: this.#rare([]), marks, sequence: 0, ack, end: false }),
    );
  }

  async #flushNotices(): Promise<void> {
    const notices = this.#notices;
    this.#notices = [];
    for (const notice of notices) await this.#send(notice);
    await this.flushControl();
  }

  async #writeLater(marks: readonly Buffer[], end: boolean, pack?: Pack): Promise<void> {
    await this.room();
    await this.#writeNow(marks, end, pack);
  }

  #writeNow(marks: readonly Buffer[], end: boolean, pack: Pack | undefined): Later {
    const { window, ending, counters, clock } = this.#options;
    if (ending.isOver) return undefined;
    const gone = this.#gone;
    if (gone.length > 0) this.#gone = [];
    const [between, ack, sequence] = [this.#rare(gone), this.#ack, window.next];
    const changes = pack ? [pack] : this.#changes;
    const keys = pack?.keys ?? (this.#bytes > 0 ? this.#changes : NO_KEYS);
    const frame = frameBytes({ changes, between, marks, sequence, ack, end });
    if (!pack && this.#bytes > 0) {
      this.#changes = [];
      this.#bytes = 0;
    }
    window.sent(frame.length, clock.monotonic(), keys);
    counters.changesSent += keys.length;
    return this.#send(frame);
  }

  /** What few frames say. Their acks are said with them. */
  #rare(gone: number[]): Buffer {
    const nacks = this.#nacks;
    this.#acked = this.#ack;
    if (gone.length === 0 && nacks.length === 0) return NOTHING;
    this.#nacks = [];
    return encodeNotice({ gone, nacks });
  }

  #send(frame: Buffer): Later {
    const { counters } = this.#options;
    if (this.#writer.write(frame)) {
      counters.noticesSent += 1;
      counters.bytesSent += frame.length;
    }
    return this.#writer.room();
  }
}
