import { type Clock, EdgeplaneError, fail, type Random, randomId } from '@edgeplane/base';
import type { DlgDelivery, DlgMessage } from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { dmeErrors } from '../errors.js';
import type { CheckedMembership, Membership } from './group-cookie.js';
import type { GroupLink, GroupMessage } from './group-link.js';
import { ReceiverQueue } from './receiver-queue.js';

/** Longest text of a message, UTF-16 units. */
const MAX_TEXT = 16 * 1024;
/** Receivers of one group, and of all. */
const MAX_IN_GROUP = 1000;
const MAX_RECEIVERS = 20_000;
/** Longest time that a timer can take, milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Receiver {
  readonly member: string;
  readonly queue: ReceiverQueue;
}

/**
 * Channels between clients of one App. Whoever has a group's cookie may send, and receives what the others send while it
 * listens; nothing is kept for those who do not. Memory is bounded by the number of receivers.
 */
export class Groups {
  readonly #link: GroupLink;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #end = new AbortController();
  readonly #channels = new Map<string, Set<Receiver>>();
  #receivers = 0;
  #stopped: Promise<void> | undefined;

  constructor(link: GroupLink, clock: Clock, random: Random) {
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
  }

  /** A name for a new member. */
  newMember(): string {
    return randomId(this.#random);
  }

  start(): void {
    this.#link.start((message) => this.#deliver(message));
  }

  /**
   * Takes a message for the other members; one that is sent again under its number is delivered once.
   * @throws EdgeplaneError GROUP_TEXT_TOO_LONG
   */
  send({ channel, member, userData }: Membership, { messageId, message }: DlgMessage): void {
    if (message.length > MAX_TEXT)
      throw fail(dmeErrors.GROUP_TEXT_TOO_LONG, { limit: MAX_TEXT, length: message.length });
    // Without a number every message is another one.
    const id = messageId === 0n ? randomId(this.#random) : `${member}-${messageId}`;
    this.#link.send({
      channel,
      id,
      delivery: { joined: false, member, userData, messageId, message, lost: 0n },
    });
  }

  /**
   * Gives `send` what others send to the group, until the client is gone or its cookie is no longer good.
   * @throws EdgeplaneError GROUP_FULL, BAD_COOKIE at the end of the cookie, STOPPING
   */
  async receive(
    { channel, member, userData, exp }: CheckedMembership,
    send: (delivery: DlgDelivery) => Promise<void>,
    client: AbortSignal,
  ): Promise<void> {
    const receivers = this.#channels.get(channel) ?? new Set();
    if (receivers.size >= MAX_IN_GROUP) throw fail(dmeErrors.GROUP_FULL, { limit: MAX_IN_GROUP });
    if (this.#receivers >= MAX_RECEIVERS) throw fail(dmeErrors.GROUP_FULL, { limit: MAX_RECEIVERS });
    const queue = new ReceiverQueue();
    const receiver = { member, queue };
    const ended = new AbortController();
    const gone = () => ended.abort();
    const stopping = () => ended.abort(fail(dmeErrors.STOPPING));
    if (client.aborted) gone();
    if (this.#end.signal.aborted) stopping();
    client.addEventListener('abort', gone, { once: true });
    this.#end.signal.addEventListener('abort', stopping, { once: true });
    const cancel = this.#expiry(exp, () =>
      ended.abort(fail(dmeErrors.BAD_COOKIE, { reason: 'token is expired by 0s' })),
    );
    this.#channels.set(channel, receivers.add(receiver));
    this.#receivers += 1;
    try {
      queue.push({ joined: true, member, userData, messageId: 0n, message: '', lost: 0n });
      for (;;) {
        const delivery = await queue.next(ended.signal);
        if (!delivery) break;
        await send(delivery);
      }
      if (ended.signal.reason instanceof EdgeplaneError) throw ended.signal.reason;
    } finally {
      cancel();
      client.removeEventListener('abort', gone);
      this.#end.signal.removeEventListener('abort', stopping);
      this.#receivers -= 1;
      receivers.delete(receiver);
      if (receivers.size === 0 && this.#channels.get(channel) === receivers) this.#channels.delete(channel);
    }
  }

  /** Ends all receiving. Safe to call more than once. */
  stop(): Promise<void> {
    this.#end.abort();
    this.#stopped ??= this.#link.stop();
    return this.#stopped;
  }

  #deliver({ channel, delivery }: GroupMessage): void {
    for (const { member, queue } of this.#channels.get(channel) ?? [])
      if (member !== delivery.member) queue.push(delivery);
  }

  /** Calls `fn` once the second `exp` is over; returns what calls that off. */
  #expiry(exp: number, fn: () => void): () => void {
    let cancel = () => {};
    const wait = () => {
      const ms = (exp + 1) * 1000 - this.#clock.now();
      if (ms <= 0) fn();
      else cancel = this.#clock.after(Math.min(ms, MAX_TIMER_MS), wait);
    };
    wait();
    return () => cancel();
  }
}
