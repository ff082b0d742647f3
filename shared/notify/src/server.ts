import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import {
  type Clock,
  EdgeplaneError,
  fail,
  isKind,
  type Logger,
  messageOf,
  sleep,
  systemClock,
  Tally,
} from '@edgeplane/base';
import {
  bidiStream,
  type ConnectionCounters,
  type MessageStream,
  messageStream,
  NOTIFY_SERVER_KEEPALIVE,
  RpcServer,
} from '@edgeplane/rpc';
import { Admission } from './admission.js';
import { connectionLimits } from './connection-limits.js';
import { type Connection, Connections, type SessionCount } from './connections.js';
import { SourceEncoder } from './encoder.js';
import { notifyErrors } from './errors.js';
import { FanOut, type Subscriber } from './fan-out.js';
import { holdBack } from './hold-back.js';
import { Inbound } from './inbound.js';
import { DEFAULT_LIMITS, type NotifyLimits } from './limits.js';
import { NoticeReader } from './notice-reader.js';
import { inSendOrder, serverWants } from './order.js';
import { type Permit, permitFor, refuseSecrets } from './permit.js';
import type { NotifyServerOptions } from './server-options.js';
import { Session } from './session.js';
import { SessionEnds } from './session-ends.js';
import type { NotifyCaller } from './transport.js';
import { type NotifyCounters, newCounters, type PeerInfo } from './types.js';
import { NOTHING_WANTED } from './upstream.js';
import { type FrameConnection, FrameServer } from './v2/frame-server.js';
import type { FrameSession } from './v2/frame-session.js';
import { wasCut } from './was-cut.js';
import {
  DEFAULT_VERSION,
  fullTypeName,
  messageFrame,
  messageNotice,
  RawNotifyService,
  versionNotice,
} from './wire.js';

/** How long a stopping server waits for peers to leave, milliseconds. */
const LAME_DUCK_MS = 3000;

/** Lines about sessions that were refused come no more often than this, milliseconds. */
const CROWDED_EVERY_MS = 10_000;

/** The controller's end of notify: accepts agents, match engines and other clients, and keeps each of them up to date. */
export class NotifyServer {
  /** Totals since construction. */
  readonly counters: NotifyCounters = newCounters();
  /** Sessions that ended or were refused, since construction. */
  readonly ends = new SessionEnds();
  readonly #options: NotifyServerOptions;
  readonly #limits: NotifyLimits;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #rpc: RpcServer;
  readonly #fanOut: FanOut;
  readonly #wants: readonly string[];
  readonly #frames: FrameServer;
  readonly #maxVersion: number;
  readonly #connections = new Connections();
  /** Sessions of version 2 that can be told to leave. */
  readonly #drainable = new Set<FrameSession>();
  readonly #stopping = new AbortController();
  readonly #admission: Admission;
  readonly #crowded: Tally;
  #nextId = 0n;
  #lastSession = 0;
  #drained: (() => void) | undefined;

  /** Follows the sources from now on; call {@link stop} even when {@link listen} was never called. */
  constructor(options: NotifyServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#logger = options.logger.child({ component: 'notify-server' });
    this.#clock = options.clock ?? systemClock;
    this.#wants = serverWants(options.receivers, options.messageReceivers);
    this.#fanOut = new FanOut(
      inSendOrder(options.sources).map(
        (source) => new SourceEncoder(source, this.#limits.maxNoticeBytes, this.counters, this.#logger),
      ),
    );
    this.#maxVersion = options.maxVersion ?? DEFAULT_VERSION;
    // Each handshake listens to it.
    setMaxListeners(0, this.#stopping.signal);
    const { receivers, messageReceivers, upstream, node = randomUUID() } = options;
    this.#frames = new FrameServer({
      ...{ node, receivers, messageReceivers, fanOut: this.#fanOut, wants: this.#wants },
      ...{ clock: this.#clock, logger: this.#logger, limits: this.#limits, counters: this.counters },
      time: options.time ?? { lineage: node },
      nextId: () => this.#takeId(),
      nextSession: () => this.#takeSession(),
      upstream,
    });
    const { maxSessions, maxSessionsPerAddress } = this.#limits;
    this.#admission = new Admission(maxSessions, maxSessionsPerAddress);
    this.#crowded = new Tally(this.#clock, CROWDED_EVERY_MS, (times) => {
      const facts = { times, maxSessions, maxSessionsPerAddress };
      this.#logger.warn(facts, 'Sessions refused: there are too many');
    });
    this.#rpc = new RpcServer({
      logger: options.logger,
      name: 'notify',
      tls: options.tls,
      clock: this.#clock,
      keepalive: NOTIFY_SERVER_KEEPALIVE,
      maxReceiveBytes: this.#limits.maxNoticeBytes,
      connections: connectionLimits(this.#limits),
    });
    this.#rpc.addService(RawNotifyService, {
      streamNotice: bidiStream((call, context) =>
        this.accept(messageStream(call, this.#limits.maxNoticeBytes), context, () => wasCut(call)),
      ),
    });
  }

  /** Serves `host:port`; the address in use. @throws EdgeplaneError as RpcServer.listen. */
  listen(address: string): Promise<string> {
    return this.#rpc.listen(address);
  }

  /** Every connected peer, in order of connection. */
  peers(): PeerInfo[] {
    return this.#connections.peers();
  }

  /** Ids of peers whose connection is lost and whose reports are kept, and since when (milliseconds since 1970). */
  get stale(): ReadonlyMap<bigint, number> {
    return this.#frames.stale;
  }

  /** Sessions by protocol version and by how far they are. */
  sessionCounts(): SessionCount[] {
    return this.#connections.counts(this.#frames.stale.size);
  }

  /** Sessions that are not accepted yet. */
  get handshakes(): number {
    return Math.max(0, this.#admission.count - this.#connections.size);
  }

  /** Changed keys waiting, of all sessions. */
  get waitingKeys(): number {
    return [...this.waiting().values()].reduce((sum, keys) => sum + keys, 0);
  }

  /** Connections at the listener. */
  get connectionCounters(): ConnectionCounters {
    return this.#rpc.connectionCounters;
  }

  /** Changed keys waiting per peer id. */
  waiting(): ReadonlyMap<bigint, number> {
    return this.#connections.waiting();
  }

  /**
   * Sends a message to the peers that want its type and satisfy `predicate`. To how many it went; none means that
   * nobody will answer.
   * @throws EdgeplaneError NOTICE_TOO_LARGE.
   */
  sendMessage(typeName: string, message: unknown, predicate?: (peer: PeerInfo) => boolean): number {
    const name = fullTypeName(typeName);
    const { maxNoticeBytes } = this.#limits;
    const frames = [
      messageNotice(name, message, maxNoticeBytes),
      messageFrame(name, message, maxNoticeBytes),
    ] as const;
    let sent = 0;
    for (const { peer, session, wants } of this.#connections) {
      if (!wants.has(name) || (predicate && !predicate(peer))) continue;
      if (session.sendMessage(peer.version === 1 ? frames[0] : frames[1])) sent += 1;
    }
    return sent;
  }

  /** Asks peers of version 2 that satisfy `predicate` to connect anew, here or elsewhere. */
  sendAway(reason: string, predicate: (peer: PeerInfo) => boolean): void {
    for (const { peer, session } of this.#connections)
      if ('drain' in session && predicate(peer)) session.drain({ reason, retryAfterMs: 0 });
  }

  /** Ends all sessions cleanly, waits for their receivers, then closes the listener. Safe to call more than once. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the notify server is stopping'));
    await this.#drain();
    this.#fanOut.stop();
    for (const { session } of this.#connections) session.close();
    await this.#frames.stop();
    this.#crowded.stop();
    await this.#rpc.stop();
  }

  /**
   * Serves one caller over a stream of encoded notices, until its session ends. `cut`: whether the caller did not mean an end of
   * the stream; default that it did.
   * @throws EdgeplaneError for which the stream is to be broken off
   */
  async accept(stream: MessageStream, context: NotifyCaller, cut?: () => Promise<boolean>): Promise<void> {
    const leave = this.#enter(context);
    try {
      await this.#serve(stream, context, cut);
    } finally {
      leave();
    }
  }

  /** @throws EdgeplaneError TOO_MANY_SESSIONS */
  #enter({ peer }: NotifyCaller): () => void {
    try {
      return this.#admission.enter(peer);
    } catch (error) {
      this.counters.sessionsRefused += 1;
      this.ends.add(error);
      this.#crowded.add();
      throw error;
    }
  }

  async #serve(
    stream: MessageStream,
    context: NotifyCaller,
    cut: (() => Promise<boolean>) | undefined,
  ): Promise<void> {
    const reader = new NoticeReader(stream, cut);
    let shaken = false;
    try {
      const hello = await reader.handshake({
        clock: this.#clock,
        timeoutMs: this.#limits.handshakeTimeoutMs,
        signal: this.#stopping.signal,
        expected: () => fail(notifyErrors.EXPECTED_VERSION),
      });
      shaken = true;
      const { hello: second } = hello;
      const rule = this.#options.identity;
      const permit = rule && permitFor(context.identity, rule, this.#logger.child({ peer: context.peer }));
      refuseSecrets(hello.wantObjs, permit, context.identity, rule);
      if (second && Math.min(hello.version, this.#maxVersion) >= 2) {
        const register = (connection: FrameConnection) => this.#register(connection);
        const first = { ...hello, hello: second, permit };
        await this.#frames.serve(stream, reader, context, first, register);
        this.ends.add();
        return;
      }
      permit?.begin(hello.filterCloudletKey, NOTHING_WANTED, []);
      const { upstream } = this.#options;
      await upstream?.admit(undefined);
      const version = 1;
      const cloudlets = new Set<string>();
      const peer: PeerInfo = {
        id: this.#takeId(),
        address: context.peer,
        wantObjs: hello.wantObjs,
        filterCloudletKey: hello.filterCloudletKey,
        version,
        cloudlets,
        since: this.#takeSession(),
        identity: context.identity,
      };
      const ends = [context.signal, this.#stopping.signal];
      if (upstream) await holdBack(upstream, peer, this.#clock, ends);
      stream.write(versionNotice(version, this.#wants, false));
      await this.#session(stream, reader, peer, cloudlets, permit);
      this.ends.add();
    } catch (error) {
      const gone = context.signal.aborted;
      this.ends.add(error);
      const facts = { peer: context.peer, reason: gone ? 'the peer is gone' : messageOf(error) };
      // Who comes and goes without a word can do so a thousand times a second.
      const wordless = !shaken && (gone || isKind(error, notifyErrors.SESSION_CLOSED));
      this.#logger[wordless ? 'debug' : 'info'](facts, 'Peer lost');
      if (error instanceof EdgeplaneError) throw error;
    }
  }

  /** Asks peers to go elsewhere, and waits a moment for them to do so. */
  async #drain(): Promise<void> {
    if (this.#drainable.size === 0) return;
    for (const session of this.#drainable) session.drain({ reason: 'stopping', retryAfterMs: 0 });
    const end = new AbortController();
    this.#drained = () => end.abort();
    await sleep(this.#clock, LAME_DUCK_MS, end.signal).catch(() => undefined);
  }

  /** Takes up a session of version 2; the result ends that. */
  #register({ peer, session }: FrameConnection): () => void {
    const connection: Connection = { peer, session, wants: new Set(peer.wantObjs) };
    this.#connections.add(connection);
    this.#drainable.add(session);
    if (this.#stopping.signal.aborted) session.close();
    return () => {
      this.#connections.delete(connection);
      this.#drainable.delete(session);
      if (this.#drainable.size === 0) this.#drained?.();
    };
  }

  #takeSession(): number {
    this.#lastSession = Math.max(this.#lastSession + 1, Math.floor(this.#clock.now()));
    return this.#lastSession;
  }

  #takeId(): bigint {
    const id = this.#nextId;
    this.#nextId += 1n;
    return id;
  }

  async #session(
    stream: MessageStream,
    reader: NoticeReader,
    peer: PeerInfo,
    cloudlets: Set<string>,
    permit: Permit | undefined,
  ): Promise<void> {
    const wants = new Set(peer.wantObjs);
    const ended = new AbortController();
    const logger = this.#logger.child({ peer: peer.address, id: peer.id.toString() });
    const inbound = new Inbound({
      receivers: this.#options.receivers,
      messageReceivers: this.#options.messageReceivers,
      peer,
      logger,
      counters: this.counters,
      permit,
      limits: this.#limits,
      stampNotifyId: true,
      prune: false,
      afterUpdate: (receiver, object) => {
        if (receiver.type.name !== 'CloudletInfo') return;
        const cloudlet = receiver.type.keyJsonOf(object);
        cloudlets.add(cloudlet);
        const { maxScope } = this.#limits;
        if (cloudlets.size > maxScope)
          return session.close(fail(notifyErrors.SCOPE_TOO_LARGE, { limit: maxScope }));
        if (!peer.filterCloudletKey) return;
        // It ends with the session, of which others tell.
        const wanted = { cloudlets: [cloudlet], whole: [] };
        this.#options.upstream?.want(peer, wanted, ended.signal).catch(() => undefined);
        this.#fanOut.addCloudlet(subscriber, cloudlet);
      },
      afterDelete: (receiver, cloudlet) => {
        if (receiver.type.name !== 'CloudletInfo') return;
        cloudlets.delete(cloudlet);
        this.#fanOut.removeCloudlet(subscriber, cloudlet);
        this.#options.upstream?.unwant(peer, { cloudlets: [cloudlet], whole: [] });
      },
    });
    const session = new Session({
      stream,
      reader,
      inbound,
      feed: this.#fanOut.feed(wants, peer.filterCloudletKey),
      limits: this.#limits,
      counters: this.counters,
      logger,
    });
    const subscriber: Subscriber = {
      wants,
      filtered: peer.filterCloudletKey,
      mark: (type, keyJson) => session.mark(type, keyJson),
    };
    const connection: Connection = { peer, session, wants };
    this.#connections.add(connection);
    this.#fanOut.add(subscriber);
    logger.info(
      { from: 'connecting', to: 'connected', version: peer.version, wants: peer.wantObjs },
      'Peer connected',
    );
    try {
      if (this.#stopping.signal.aborted) session.close();
      await session.run();
    } finally {
      ended.abort(new Error('the session is over'));
      this.#fanOut.remove(subscriber, cloudlets);
      this.#connections.delete(connection);
      await inbound.disconnect();
      logger.info({ from: 'connected', to: 'disconnected' }, 'Peer disconnected');
    }
  }
}
