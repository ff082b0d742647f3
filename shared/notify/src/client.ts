import { randomUUID } from 'node:crypto';
import {
  Backoff,
  type Clock,
  fail,
  type Logger,
  messageOf,
  type Random,
  sleep,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import type { Hello } from '@edgeplane/proto/edgeplane/notify.js';
import { fromServiceError, type MessageStream, parseAddress, type TlsMaterial } from '@edgeplane/rpc';
import { SourceEncoder } from './encoder.js';
import { notifyErrors } from './errors.js';
import { FanOut } from './fan-out.js';
import { grpcDialer } from './grpc-dialer.js';
import { Inbound } from './inbound.js';
import { CLIENT_LIMITS, type NotifyLimits } from './limits.js';
import { NoticeReader } from './notice-reader.js';
import { inSendOrder, receivedTypes } from './order.js';
import type { Feed } from './sender.js';
import { Session } from './session.js';
import { SessionEnds } from './session-ends.js';
import type { NotifyDialer } from './transport.js';
import {
  type MessageReceiver,
  type NodeTime,
  type NotifyCounters,
  newCounters,
  type PeerInfo,
  type Receiver,
  type SendSource,
} from './types.js';
import type { Downstream } from './upstream.js';
import { FrameClient } from './v2/frame-client.js';
import type { FrameSession } from './v2/frame-session.js';
import type { HeldBefore, HeldType } from './v2/held.js';
import { DEFAULT_VERSION, fullTypeName, messageFrame, messageNotice, versionNotice } from './wire.js';

/** `connected`: hands are shaken. `synced`: the server's initial objects are handled too, and the rest is pruned. */
export type NotifyState = 'disconnected' | 'connected' | 'synced';

export interface NotifyClientOptions {
  /** Servers as `host:port`; the first one is picked at random, then they take turns. */
  readonly addrs: readonly string[];
  /** Types wanted, short or full names; default what the receivers take, in their order. */
  readonly wantObjs?: readonly string[];
  /** Want only objects of the cloudlets that we report. */
  readonly filterCloudletKey: boolean;
  /** What we report: all of it at each connect, then changes. */
  readonly sources: readonly SendSource[];
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly tls?: TlsMaterial | undefined;
  /** Where the revisions of the sources come from; default a lineage of this client's own. */
  readonly time?: NodeTime;
  /** The highest protocol version to speak; default the newest. */
  readonly maxVersion?: number;
  /** Of a relay: the server of the same node. What it wants is the scope, whatever we report (version 2). */
  readonly downstream?: Downstream;
  /** Makes durable what receivers were given, before it is acknowledged (version 2). */
  readonly persist?: () => Promise<void>;
  /** What receivers still have from an earlier life: only what differs is sent (version 2). */
  readonly held?: readonly HeldBefore[];
  /** How servers are reached; default gRPC, with `tls`. */
  readonly dial?: NotifyDialer | undefined;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly limits?: Partial<NotifyLimits>;
}

/** Delay before reconnecting: full jitter, so that a restarted server is not met by everybody at once. */
const BACKOFF = { base: 250, max: 3_000 };
/** A server cannot keep its clients away for longer, milliseconds. */
const MOST_RETRY_AFTER_MS = 10 * 60_000;
/** How long a stopping client waits for the server to end its side, milliseconds. */
const FAREWELL_MS = 1000;

interface Connection {
  readonly session: Pick<Session, 'mark' | 'sendMessage' | 'close'> | FrameSession;
  readonly version: number;
  readonly wants: ReadonlySet<string>;
}

/** The agent's and match engine's end of notify: keeps one session to one of several servers, for ever. */
export class NotifyClient {
  /** Totals since construction. */
  readonly counters: NotifyCounters = newCounters();
  /** Sessions that ended or did not come about, since construction. */
  readonly ends = new SessionEnds();
  readonly #options: NotifyClientOptions;
  readonly #limits: NotifyLimits;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #dial: NotifyDialer;
  readonly #encoders: readonly SourceEncoder[];
  readonly #wants: readonly string[];
  readonly #maxVersion: number;
  readonly #fanOut: FanOut;
  readonly #frames: FrameClient;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<() => void>();
  #subscriptions: (() => void)[] = [];
  #connection: Connection | undefined;
  #state: NotifyState = 'disconnected';
  #turn: number;
  #retryAfterMs = 0;
  #farewell = true;
  #running: Promise<void> | undefined;

  /** @throws EdgeplaneError NO_ADDRESS or ADDRESS_INVALID. */
  constructor(options: NotifyClientOptions) {
    if (options.addrs.length === 0) throw fail(notifyErrors.NO_ADDRESS);
    for (const address of options.addrs) parseAddress(address);
    this.#options = options;
    this.#limits = { ...CLIENT_LIMITS, ...options.limits };
    this.#logger = options.logger.child({ component: 'notify-client' });
    this.#clock = options.clock ?? systemClock;
    this.#dial = options.dial ?? grpcDialer(options.tls, this.#limits.maxNoticeBytes);
    const random = options.random ?? systemRandom;
    this.#backoff = new Backoff(BACKOFF, random);
    this.#turn = Math.floor(random.next() * options.addrs.length);
    this.#wants = (options.wantObjs ?? receivedTypes(options.receivers, options.messageReceivers)).map(
      fullTypeName,
    );
    this.#encoders = inSendOrder(options.sources).map(
      (source) => new SourceEncoder(source, this.#limits.maxNoticeBytes, this.counters, this.#logger),
    );
    this.#maxVersion = options.maxVersion ?? DEFAULT_VERSION;
    this.#fanOut = new FanOut(this.#encoders);
    const { sources, receivers, messageReceivers, filterCloudletKey, persist, downstream } = options;
    const node = downstream?.node ?? randomUUID();
    this.#frames = new FrameClient({
      ...{ node, sources, receivers, messageReceivers, filterCloudletKey, persist, downstream },
      ...{ clock: this.#clock, logger: this.#logger, limits: this.#limits, counters: this.counters },
      fanOut: this.#fanOut,
      wants: this.#wants,
      time: options.time ?? { lineage: node },
      before: options.held ?? [],
    });
  }

  /**
   * How far a type, by its full name, is in step, and the server's revision of each object (version 2); to be kept with the
   * objects for another life.
   */
  heldOf(type: string): Pick<HeldType, 'cursor' | 'revisionOf'> {
    return this.#frames.heldOf(type);
  }

  get state(): NotifyState {
    return this.#state;
  }

  /** Begins to connect, in the background. */
  start(): void {
    if (this.#running || this.#stopping.signal.aborted) return;
    this.#subscriptions = this.#encoders.map((encoder, place) =>
      encoder.source.subscribe((keyJson) => {
        const connection = this.#connection;
        // Sessions of version 2 follow the sources by themselves.
        if (!connection || !('mark' in connection.session)) return;
        if (connection.wants.has(encoder.source.type.fullName)) connection.session.mark(place, keyJson);
      }),
    );
    this.#running = this.#run();
  }

  /** Half-closes the session, waits for its end and for handlers, and connects no more. Safe to call more than once. */
  async stop(): Promise<void> {
    this.#stopping.abort(fail(notifyErrors.SESSION_CLOSED, { reason: 'the client is stopping' }));
    for (const check of [...this.#waiters]) check();
    this.#connection?.session.close();
    await this.#running;
    this.#fanOut.stop();
    for (const end of this.#subscriptions) end();
    this.#subscriptions = [];
  }

  /** Stops without a word: the server keeps what we reported for its grace period, as if we had been cut off. */
  abandon(): Promise<void> {
    this.#farewell = false;
    return this.stop();
  }

  /** Resolves as soon as the state is, or goes beyond, `state`; rejects when `signal` aborts or the client stops. */
  when(state: 'connected' | 'synced', signal?: AbortSignal): Promise<void> {
    const reached = () => this.#state === 'synced' || this.#state === state;
    return new Promise((resolve, reject) => {
      const check = () => {
        if (signal?.aborted) reject(signal.reason);
        else if (this.#stopping.signal.aborted) reject(this.#stopping.signal.reason);
        else if (reached()) resolve();
        else return;
        this.#waiters.delete(check);
        signal?.removeEventListener('abort', check);
      };
      this.#waiters.add(check);
      signal?.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /**
   * Sends a message if connected to a server that wants its type; whether it was queued. It is never kept for later.
   * @throws EdgeplaneError NOTICE_TOO_LARGE.
   */
  sendMessage(typeName: string, message: unknown): boolean {
    const name = fullTypeName(typeName);
    const connection = this.#connection;
    if (!connection?.wants.has(name)) return false;
    const encode = connection.version === 1 ? messageNotice : messageFrame;
    return connection.session.sendMessage(encode(name, message, this.#limits.maxNoticeBytes));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { addrs } = this.#options;
    while (!signal.aborted) {
      const address = addrs[this.#turn % addrs.length] ?? '';
      this.#turn += 1;
      let reason = 'the server ended the session';
      try {
        await this.#connect(address);
        this.ends.add();
      } catch (failure) {
        const error = fromServiceError(failure);
        this.ends.add(error);
        reason = messageOf(error);
      }
      if (signal.aborted) return;
      const delay = Math.max(this.#backoff.next(), this.#retryAfterMs);
      this.#retryAfterMs = 0;
      this.#logger.warn({ address, reason, retryInMs: Math.round(delay) }, 'Notify connection lost');
      await sleep(this.#clock, delay, signal).catch(() => undefined);
    }
  }

  /** One connection from dialling to its end. */
  async #connect(address: string): Promise<void> {
    const call = this.#dial(address);
    try {
      await this.#session(call.stream, address);
      if (this.#stopping.signal.aborted && this.#farewell) await call.farewell(this.#clock, FAREWELL_MS);
    } finally {
      call.close();
    }
  }

  async #session(stream: MessageStream, address: string): Promise<void> {
    const reader = new NoticeReader(stream);
    const own = this.#maxVersion >= 2 ? this.#frames.hello() : undefined;
    stream.write(versionNotice(this.#maxVersion, this.#wants, this.#options.filterCloudletKey, own));
    const hello = await reader.handshake({
      clock: this.#clock,
      timeoutMs: this.#limits.handshakeTimeoutMs,
      signal: this.#stopping.signal,
      expected: () => fail(notifyErrors.EXPECTED_VERSION_REPLY),
      onDrain: ({ retryAfterMs }) => {
        this.#retryAfterMs = Math.min(retryAfterMs, MOST_RETRY_AFTER_MS);
      },
    });
    const wants = new Set(hello.wantObjs);
    const peer: PeerInfo = {
      id: 0n,
      address,
      wantObjs: hello.wantObjs,
      filterCloudletKey: hello.filterCloudletKey,
      version: own && hello.hello ? 2 : 1,
      cloudlets: new Set(),
    };
    if (own && hello.hello) return this.#frameSession(stream, reader, hello.hello, peer);
    if (this.#options.downstream) throw fail(notifyErrors.VERSION_TOO_OLD, { address });
    this.#frames.forget();
    const inbound = new Inbound({
      receivers: this.#options.receivers,
      messageReceivers: this.#options.messageReceivers,
      peer,
      logger: this.#logger,
      counters: this.counters,
      limits: this.#limits,
      stampNotifyId: false,
      prune: true,
      onSynced: () => {
        // Only now: a server that accepts and then fails must not be met without delay for ever.
        this.#backoff.reset();
        this.#setState('synced', address);
      },
    });
    const feed = this.#feed(wants);
    const { counters } = this;
    const session = new Session({
      stream,
      reader,
      inbound,
      feed,
      limits: this.#limits,
      counters,
      logger: this.#logger,
    });
    this.#connection = { session, wants, version: 1 };
    this.#setState('connected', address);
    try {
      if (this.#stopping.signal.aborted) session.close();
      await session.run();
    } finally {
      this.#connection = undefined;
      this.#setState('disconnected', address);
      await inbound.disconnect();
    }
  }

  async #frameSession(
    stream: MessageStream,
    reader: NoticeReader,
    hello: Hello,
    peer: PeerInfo,
  ): Promise<void> {
    const { address } = peer;
    const session = this.#frames.session(stream, reader, hello, peer, {
      onSynced: () => {
        this.#backoff.reset();
        this.#setState('synced', address);
      },
      onDrain: ({ reason, retryAfterMs }) => {
        this.#retryAfterMs = Math.min(retryAfterMs, MOST_RETRY_AFTER_MS);
        session.close(fail(notifyErrors.PEER_DRAINS, { reason }));
      },
    });
    this.#connection = { session, wants: new Set(peer.wantObjs), version: 2 };
    const unfollow = this.#frames.followScope(session);
    this.#setState('connected', address);
    try {
      if (this.#stopping.signal.aborted) session.close();
      await session.run();
    } finally {
      unfollow();
      this.#connection = undefined;
      this.#setState('disconnected', address);
      await session.forget();
    }
  }

  #feed(wants: ReadonlySet<string>): Feed {
    const encoders = this.#encoders;
    return {
      types: encoders.length,
      initialKeys(place) {
        const source = encoders[place]?.source;
        return source && wants.has(source.type.fullName) ? source.keys() : [];
      },
      frame: (place, keyJson) => encoders[place]?.frame(keyJson),
    };
  }

  #setState(state: NotifyState, address: string): void {
    const from = this.#state;
    this.#state = state;
    if (from !== state) this.#logger.info({ from, to: state, address }, 'Notify state');
    for (const check of [...this.#waiters]) check();
  }
}
