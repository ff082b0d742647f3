import { fail, type Logger, messageOf } from '@edgeplane/base';
import type { Change, Nack, Origin, Reset, Digest as WireDigest } from '@edgeplane/proto/edgeplane/notify.js';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from '../errors.js';
import { FewLines } from '../few-lines.js';
import type { NotifyLimits } from '../limits.js';
import type { Permit } from '../permit.js';
import { shortened } from '../text.js';
import type { MessageReceiver, NotifyCounters, PeerInfo, Received, Receiver } from '../types.js';
import { checkedBody, fullTypeName, messageCodec } from '../wire.js';
import { bucketCount, isBucketCount } from './buckets.js';
import { fingerprint } from './digest.js';
import type { Held, HeldType } from './held.js';
import type { KnownOrigin, Origins } from './origins.js';
import { revisionNumber } from './revision.js';
import { unpacked } from './snapshot.js';

/** Times that buckets are asked for before the session is given up. */
const MOST_REPAIRS = 3;
/** Sessions of one agent, at most of them lost ones, that a relay may speak for at a time. */
const ORIGINS_PER_CLOUDLET = 4;
/** The same of all types, from one tick to the next: each costs a look at all that is held. */
const MOST_REPAIRS_PER_TICK = 30;

export interface FrameReceiverOptions {
  /** Full names of the sender's types, by place. */
  readonly types: readonly string[];
  readonly lineage: string;
  readonly held: Held;
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly peer: PeerInfo;
  /** Servers: whom the peer speaks for. */
  readonly origins?: Origins;
  /** Servers: what the peer may say, by its certificate. */
  readonly permit?: Permit | undefined;
  readonly stampNotifyId: boolean;
  readonly logger: Logger;
  readonly counters: NotifyCounters;
  readonly limits: Pick<NotifyLimits, 'maxHeldBytes' | 'lookMs' | 'maxScope'>;
  /** Asks the sender for what differs of its type in this place. */
  askFor(place: number, sums: readonly number[]): void;
  afterUpdate?(receiver: Receiver, object: unknown, peer: PeerInfo): void;
  afterDelete?(receiver: Receiver, keyJson: string, peer: PeerInfo): void;
  /** Once: everything that the sender had is here. */
  onSynced?(): void;
  /** What is here is all that the sender had, of our scope with this number. */
  onInStep?(scope: number): void;
}

/** Why a change was not taken; undefined when it was. */
type Outcome = string | undefined;

interface Incoming {
  readonly place: number;
  readonly receiver: Receiver;
  readonly held: HeldType;
  /** Held keys in buckets that are being sent anew, and have not come yet. */
  unconfirmed: Set<string> | undefined;
  /** Buckets were asked for, and have not begun to come. */
  asking: boolean;
  /** How often they were asked for, less how often they came. */
  awaited: number;
  repairs: number;
  matched: boolean;
  /** Number of the scope that the last digest was of. */
  scope: number;
}

/** The reading half of a session of version 2: applies frames in order (docs/notify-protocol.md). */
export class FrameReceiver {
  readonly #options: FrameReceiverOptions;
  /** By place in the sender's hello; types that nobody here takes are missing. */
  readonly #types = new Map<number, Incoming>();
  readonly #messages: ReadonlyMap<string, MessageReceiver>;
  readonly #lines: FewLines;
  #repairs = 0;
  #ended = false;
  #synced = false;

  constructor(options: FrameReceiverOptions) {
    this.#options = options;
    this.#lines = new FewLines(options.logger);
    const receivers = new Map(options.receivers.map((receiver) => [receiver.type.fullName, receiver]));
    for (const [place, type] of options.types.entries()) {
      const receiver = receivers.get(type);
      if (!receiver) continue;
      const held = options.held.of(type);
      this.#types.set(place, {
        ...{ place, receiver, held, unconfirmed: undefined, asking: false, awaited: 0 },
        ...{ repairs: 0, matched: false, scope: 0 },
      });
    }
    this.#messages = new Map(options.messageReceivers.map((r) => [fullTypeName(r.typeName), r]));
  }

  /**
   * Applies one frame; the changes that were not taken.
   * @throws EdgeplaneError DIGEST_MISMATCH when a type does not come into step; nothing of it is held then;
   * TOO_MANY_REPAIRS, PEER_SENDS_TOO_MUCH, NOTICE_MALFORMED; what the permit throws
   */
  async apply(frame: Notice): Promise<Nack[]> {
    const { counters } = this.#options;
    counters.noticesReceived += 1;
    const changes = frame.packed.length > 0 ? [...unpacked(frame.packed), ...frame.changes] : frame.changes;
    counters.changesReceived += changes.length;
    const nacks: Nack[] = [];
    for (const [index, change] of changes.entries()) {
      const outcome = this.#change(change);
      // Most receivers are done at once.
      const reason = outcome instanceof Promise ? await outcome : outcome;
      if (reason !== undefined) nacks.push({ sequence: frame.sequence, index, reason: shortened(reason) });
    }
    const { held, limits, origins } = this.#options;
    if (held.cost > limits.maxHeldBytes)
      throw fail(notifyErrors.PEER_SENDS_TOO_MUCH, { limit: limits.maxHeldBytes });
    if ((origins?.size ?? 0) > limits.maxScope * ORIGINS_PER_CLOUDLET)
      throw fail(notifyErrors.SCOPE_TOO_LARGE, { limit: limits.maxScope });
    if (frame.gone.length > 0) await this.lost(this.#take(frame.gone));
    let marked = false;
    for (const { type, mark, revision, scope } of frame.sync) {
      const incoming = this.#types.get(type);
      if (!incoming || !mark) continue;
      if (mark.$case === 'reset') this.#reset(incoming, mark.value);
      if (mark.$case !== 'digest') continue;
      await this.#digest(incoming, mark.value, revisionNumber(revision));
      incoming.scope = scope;
      marked = true;
    }
    for (const { type, body } of frame.messages) await this.#message(type, body);
    if (frame.action === NoticeAction.SENDALL_END) this.#ended = true;
    await this.#checkSynced();
    if (marked) this.#checkInStep();
    return nacks;
  }

  /** `lookMs` have passed. */
  tick(): void {
    this.#repairs = 0;
  }

  /** Tells receivers of messages that the session is over: nothing of it goes on in the next. */
  async ended(): Promise<void> {
    const { messageReceivers, peer } = this.#options;
    for (const receiver of messageReceivers)
      await this.#guard(receiver.typeName, () => receiver.onDisconnect?.(peer));
  }

  /** Tells receivers of objects that the peer is gone for good. */
  async forgotten(): Promise<void> {
    const { receivers, peer, origins } = this.#options;
    if (origins) await this.lost(this.#take([...origins.numbers]));
    for (const receiver of receivers)
      await this.#guard(receiver.type.fullName, () => receiver.onDisconnect?.(peer));
  }

  /** Tells receivers of objects that some whom the peer spoke for are gone. */
  async lost(known: readonly KnownOrigin[]): Promise<void> {
    const { receivers, afterDelete } = this.#options;
    for (const { peer, keys } of known) {
      for (const receiver of receivers) {
        const { fullName } = receiver.type;
        for (const keyJson of keys.get(fullName) ?? []) afterDelete?.(receiver, keyJson, peer);
        await this.#guard(fullName, () => receiver.onDisconnect?.(peer));
      }
    }
  }

  #take(numbers: readonly number[]): KnownOrigin[] {
    const { origins, held } = this.#options;
    return numbers.flatMap((number) => origins?.take(number, held) ?? []);
  }

  /** Why the change was not taken, if it was not. */
  #change(change: Change): Outcome | Promise<Outcome> {
    const { type: place, key } = change;
    const incoming = this.#types.get(place);
    if (!incoming) {
      this.#options.counters.unknownType += 1;
      return undefined;
    }
    incoming.held.saw(revisionNumber(change.revision));
    return key.length > 0 ? this.#tombstone(incoming, change) : this.#object(incoming, change);
  }

  async #tombstone(incoming: Incoming, { key: bytes, origin }: Change): Promise<string | undefined> {
    const { type } = incoming.receiver;
    let keyJson: string;
    try {
      keyJson = type.keyJsonOf(type.fromWire(checkedBody(bytes, type.fullName)));
    } catch (error) {
      return this.#refused(type.fullName, messageOf(error));
    }
    this.#options.permit?.object(type, type.parseKeyJson(keyJson), origin !== undefined);
    return this.#delete(incoming, keyJson, origin);
  }

  #object(
    incoming: Incoming,
    { object: bytes, revision: sent, keyNumber, origin }: Change,
  ): Outcome | Promise<Outcome> {
    const { receiver, held } = incoming;
    const { type } = receiver;
    const { origins, stampNotifyId, counters } = this.#options;
    const revision = revisionNumber(sent);
    let object: unknown;
    let keyJson: string;
    try {
      object = type.fromWire(checkedBody(bytes, type.fullName));
      keyJson = type.keyJsonOf(object);
    } catch (error) {
      const key = held.setUndecodable(keyNumber, fingerprint(bytes), bytes.length);
      incoming.unconfirmed?.delete(key);
      return this.#refused(type.fullName, messageOf(error));
    }
    this.#options.permit?.object(type, type.key(object), origin !== undefined);
    if (held.isLate(keyJson, revision)) {
      counters.lateChanges += 1;
      this.#lines.warn({ type: type.name, key: keyJson, revision }, 'Change dropped: a later one is held');
      return undefined;
    }
    const peer = (origin && origins?.peerOf(origin, this.#options.peer)) ?? this.#options.peer;
    origins?.moved(type.fullName, keyJson, held.originOf(keyJson), origin?.number ?? 0);
    held.set(keyJson, fingerprint(bytes), revision, bytes.length, origin?.number);
    incoming.unconfirmed?.delete(keyJson);
    if (stampNotifyId && hasNotifyId(object)) object.notifyId = peer.id;
    return this.#handOn(receiver, object, peer, keyJson, { bytes, revision });
  }

  #handOn(
    receiver: Receiver,
    object: unknown,
    peer: PeerInfo,
    keyJson: string,
    received: Received,
  ): Outcome | Promise<Outcome> {
    const { fullName } = receiver.type;
    const { afterUpdate } = this.#options;
    try {
      const done = receiver.onUpdate(object, peer, keyJson, received);
      if (done instanceof Promise)
        return done.then(
          () => {
            afterUpdate?.(receiver, object, peer);
            return undefined;
          },
          (error: unknown) => this.#failed(fullName, error),
        );
    } catch (error) {
      return this.#failed(fullName, error);
    }
    afterUpdate?.(receiver, object, peer);
    return undefined;
  }

  /** One that its origin has withdrawn is told even if it was never held: it may have come and gone meanwhile. */
  async #delete(
    { receiver, held, unconfirmed }: Incoming,
    keyJson: string,
    withdrawn?: Origin,
  ): Promise<string | undefined> {
    const { type } = receiver;
    unconfirmed?.delete(keyJson);
    const { origins } = this.#options;
    const origin = held.originOf(keyJson);
    const peer = origins?.standIn(origin, withdrawn, this.#options.peer) ?? this.#options.peer;
    if (!held.delete(keyJson) && !(withdrawn && origins)) return undefined;
    origins?.moved(type.fullName, keyJson, origin, 0);
    const failure = await this.#guard(type.fullName, () =>
      receiver.onDelete(type.parseKeyJson(keyJson), keyJson, peer),
    );
    if (failure !== undefined) return failure;
    this.#options.afterDelete?.(receiver, keyJson, peer);
    return undefined;
  }

  #reset(incoming: Incoming, { of, buckets }: Reset): void {
    if (incoming.awaited === 0)
      throw fail(notifyErrors.NOTICE_MALFORMED, { reason: 'a reset of buckets that were not asked for' });
    if (!isBucketCount(of) || buckets.length > of)
      throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `a reset of ${buckets.length} of ${of} buckets` });
    incoming.awaited -= 1;
    incoming.asking = false;
    incoming.unconfirmed = incoming.held.keysIn(buckets, of);
  }

  async #digest(incoming: Incoming, digest: WireDigest, revision: number): Promise<void> {
    const { receiver, held, unconfirmed } = incoming;
    const { lineage, counters, logger, limits } = this.#options;
    incoming.unconfirmed = undefined;
    for (const keyJson of unconfirmed ?? []) {
      // What has no known key was never handed on.
      if (keyJson.startsWith('?')) held.delete(keyJson);
      else await this.#delete(incoming, keyJson);
    }
    const type = receiver.type.fullName;
    incoming.matched = held.digest.equals(digest);
    if (incoming.matched) {
      incoming.asking = false;
      incoming.repairs = 0;
      held.inStep(lineage, revision);
      receiver.onInStep?.(revision);
      return;
    }
    if (incoming.asking) return;
    counters.repairs += 1;
    incoming.repairs += 1;
    if (incoming.repairs > MOST_REPAIRS) {
      held.clear();
      throw fail(notifyErrors.DIGEST_MISMATCH, { type, times: MOST_REPAIRS });
    }
    this.#repairs += 1;
    if (this.#repairs > MOST_REPAIRS_PER_TICK)
      throw fail(notifyErrors.TOO_MANY_REPAIRS, {
        type,
        times: MOST_REPAIRS_PER_TICK,
        ms: limits.lookMs,
      });
    logger.debug({ type, held: held.digest.count, wanted: digest.count }, 'Digests differ');
    incoming.asking = true;
    incoming.awaited += 1;
    this.#options.askFor(incoming.place, held.sums(bucketCount(Math.max(held.size, digest.count))));
  }

  async #message(name: string, body: Uint8Array): Promise<void> {
    const receiver = this.#messages.get(name);
    if (!receiver) {
      this.#options.counters.unknownType += 1;
      return;
    }
    let message: unknown;
    try {
      message = messageCodec(name).decode(checkedBody(body, name));
    } catch (error) {
      this.#refused(name, messageOf(error));
      return;
    }
    this.#options.permit?.message(name, message);
    await this.#guard(name, () => receiver.onMessage(message, this.#options.peer));
  }

  async #checkSynced(): Promise<void> {
    if (this.#synced || !this.#ended) return;
    for (const { matched } of this.#types.values()) if (!matched) return;
    this.#synced = true;
    for (const { receiver, held } of this.#types.values())
      await this.#guard(receiver.type.fullName, () =>
        receiver.onSynced?.(new Set(held.keys()), this.#options.peer),
      );
    this.#options.onSynced?.();
  }

  #checkInStep(): void {
    const { onInStep } = this.#options;
    if (!onInStep || !this.#synced) return;
    const types = [...this.#types.values()];
    if (types.every(({ matched }) => matched)) onInStep(Math.min(...types.map(({ scope }) => scope)));
  }

  #refused(type: string, reason: string): string {
    this.#options.counters.undecodable += 1;
    const facts = { type, reason: shortened(reason), peer: this.#options.peer.address };
    this.#lines.warn(facts, 'Change not taken: it cannot be decoded');
    return reason;
  }

  #guard(type: string, work: () => void | Promise<void> | undefined): Outcome | Promise<Outcome> {
    try {
      const done = work();
      return done instanceof Promise
        ? done.then(
            () => undefined,
            (error: unknown) => this.#failed(type, error),
          )
        : undefined;
    } catch (error) {
      return this.#failed(type, error);
    }
  }

  #failed(type: string, error: unknown): string {
    this.#options.counters.handlerFailures += 1;
    this.#lines.error({ err: error, type }, 'Handling a change failed');
    return messageOf(error);
  }
}

function hasNotifyId(object: unknown): object is { notifyId: bigint } {
  return typeof (object as { notifyId?: unknown } | undefined)?.notifyId === 'bigint';
}
