import { fail, type Logger, messageOf } from '@edgeplane/base';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from './errors.js';
import { FewLines } from './few-lines.js';
import { heldCost, type NotifyLimits } from './limits.js';
import type { Permit } from './permit.js';
import { shortened } from './text.js';
import type { MessageReceiver, NotifyCounters, PeerInfo, Receiver } from './types.js';
import { checkedBody, decodeNotice, fullTypeName, messageCodec, typeOfUrl } from './wire.js';

export interface InboundOptions {
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly peer: PeerInfo;
  readonly logger: Logger;
  readonly counters: NotifyCounters;
  readonly limits: Pick<NotifyLimits, 'maxHeldBytes'>;
  /** Servers: put the connection id into `notify_id` of received objects. */
  readonly stampNotifyId: boolean;
  /** Servers: what the peer may say, by its certificate. */
  readonly permit?: Permit | undefined;
  /** Clients: let receivers prune at the first SENDALL_END. */
  readonly prune: boolean;
  /** After a receiver has handled an object (UPDATE) or key (DELETE) of the named type. */
  afterUpdate?(receiver: Receiver, object: unknown): void;
  afterDelete?(receiver: Receiver, keyJson: string): void;
  /** After the first SENDALL_END has been handled. */
  onSynced?(): void;
}

interface KeyedType {
  readonly receiver: Receiver;
  /** What each object counts that the peer has sent and not deleted, by key. */
  readonly sizes: Map<string, number>;
  /** Keys seen before SENDALL_END; dropped then. */
  readonly valid: Set<string>;
  /** A notice of this type could not be decoded, so what is missing is not known to be gone. */
  doubtful: boolean;
}

/** The reading half of a session: one notice after another to whom it concerns. Never throws for one notice's sake. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #keyed = new Map<string, KeyedType>();
  readonly #messages = new Map<string, MessageReceiver>();
  readonly #lines: FewLines;
  #bytes = 0;
  #synced = false;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#lines = new FewLines(options.logger);
    for (const receiver of options.receivers)
      this.#keyed.set(receiver.type.fullName, {
        ...{ receiver, sizes: new Map(), valid: new Set(), doubtful: false },
      });
    for (const receiver of options.messageReceivers)
      this.#messages.set(fullTypeName(receiver.typeName), receiver);
  }

  /**
   * @throws EdgeplaneError NOTICE_MALFORMED when the bytes are no notice at all: the stream cannot be trusted;
   * NOTICE_TOO_COMPLEX, PEER_SENDS_TOO_MUCH; what the permit throws
   */
  async handle(bytes: Uint8Array): Promise<void> {
    const notice = decodeNotice(bytes);
    this.#options.counters.noticesReceived += 1;
    this.#options.counters.bytesReceived += bytes.length;
    const url = notice.any?.typeUrl ?? '';
    const name = typeOfUrl(url);
    const message = name === undefined ? undefined : this.#messages.get(name);
    // By type first: the action of a message is arbitrary and may even be SENDALL_END (controller spec section 17.2).
    if (message && name !== undefined) return this.#message(name, message, notice);
    if (notice.action === NoticeAction.SENDALL_END) return this.#sendAllEnd();
    if (url === '') return;
    if (name === undefined) return this.#badUrl(url);
    const keyed = this.#keyed.get(name);
    if (keyed) return this.#object(keyed, notice);
    this.#options.counters.unknownType += 1;
    this.#options.logger.debug({ type: name }, 'Notice of a type that nobody here takes');
  }

  /** Tells receivers that the session is over. */
  async disconnect(): Promise<void> {
    for (const { receiver } of this.#keyed.values())
      await this.#guard(receiver.type.fullName, () => receiver.onDisconnect?.(this.#options.peer));
    for (const [name, receiver] of this.#messages)
      await this.#guard(name, () => receiver.onDisconnect?.(this.#options.peer));
  }

  async #message(name: string, receiver: MessageReceiver, notice: Notice): Promise<void> {
    let message: unknown;
    try {
      message = messageCodec(name).decode(bodyOf(notice, name));
    } catch (error) {
      return this.#undecodable(name, messageOf(error));
    }
    this.#options.permit?.message(name, message);
    await this.#guard(name, () => receiver.onMessage(message, this.#options.peer));
  }

  async #object(keyed: KeyedType, notice: Notice): Promise<void> {
    const { action } = notice;
    if (action !== NoticeAction.UPDATE && action !== NoticeAction.DELETE) return;
    const { type } = keyed.receiver;
    const received = { bytes: notice.any?.value ?? new Uint8Array(0), revision: 0 };
    let object: unknown;
    let keyJson: string;
    try {
      object = type.fromWire(bodyOf(notice, type.fullName));
      keyJson = type.keyJsonOf(object);
    } catch (error) {
      keyed.doubtful = true;
      return this.#undecodable(type.fullName, messageOf(error));
    }
    this.#options.permit?.object(type, type.key(object), false);
    this.#options.logger.debug({ type: type.name, action, key: keyJson }, 'Notice received');
    if (action === NoticeAction.DELETE) return this.#delete(keyed, type.key(object), keyJson);
    this.#holds(keyed, keyJson, notice.any?.value.length ?? 0);
    if (this.#options.prune && !this.#synced) keyed.valid.add(keyJson);
    if (this.#options.stampNotifyId && hasNotifyId(object)) object.notifyId = this.#options.peer.id;
    await this.#guard(type.fullName, () =>
      keyed.receiver.onUpdate(object, this.#options.peer, keyJson, received),
    );
    this.#options.afterUpdate?.(keyed.receiver, object);
  }

  async #delete(keyed: KeyedType, key: unknown, keyJson: string): Promise<void> {
    this.#bytes -= keyed.sizes.get(keyJson) ?? 0;
    keyed.sizes.delete(keyJson);
    keyed.valid.delete(keyJson);
    await this.#guard(keyed.receiver.type.fullName, () =>
      keyed.receiver.onDelete(key, keyJson, this.#options.peer),
    );
    this.#options.afterDelete?.(keyed.receiver, keyJson);
  }

  async #sendAllEnd(): Promise<void> {
    if (this.#synced) return;
    this.#synced = true;
    for (const { receiver, valid, doubtful } of this.#keyed.values()) {
      const type = receiver.type.fullName;
      if (this.#options.prune && doubtful)
        this.#options.logger.warn({ type }, 'Not pruned: a notice of this type could not be decoded');
      else if (this.#options.prune)
        await this.#guard(type, () => receiver.onSynced?.(new Set(valid), this.#options.peer));
      valid.clear();
    }
    this.#options.onSynced?.();
  }

  /** @throws EdgeplaneError PEER_SENDS_TOO_MUCH */
  #holds({ sizes }: KeyedType, keyJson: string, bytes: number): void {
    const cost = heldCost(keyJson, bytes);
    this.#bytes += cost - (sizes.get(keyJson) ?? 0);
    sizes.set(keyJson, cost);
    const { maxHeldBytes } = this.#options.limits;
    if (this.#bytes > maxHeldBytes) throw fail(notifyErrors.PEER_SENDS_TOO_MUCH, { limit: maxHeldBytes });
  }

  #badUrl(url: string): void {
    const keyed = this.#keyed.get(url);
    if (keyed) keyed.doubtful = true;
    this.#undecodable(url, 'the type URL has no /');
  }

  #undecodable(type: string, reason: string): void {
    this.#options.counters.undecodable += 1;
    const facts = { type, reason: shortened(reason), peer: this.#options.peer.address };
    this.#lines.warn(facts, 'Notice skipped: it cannot be decoded');
  }

  async #guard(type: string, work: () => void | Promise<void> | undefined): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.counters.handlerFailures += 1;
      this.#lines.error({ err: error, type }, 'Handling a notice failed');
    }
  }
}

/** @throws EdgeplaneError NOTICE_MALFORMED, NOTICE_TOO_COMPLEX */
function bodyOf({ any }: Notice, fullName: string): Uint8Array {
  return checkedBody(any?.value ?? new Uint8Array(0), fullName);
}

function hasNotifyId(object: unknown): object is { notifyId: bigint } {
  return typeof (object as { notifyId?: unknown } | undefined)?.notifyId === 'bigint';
}
