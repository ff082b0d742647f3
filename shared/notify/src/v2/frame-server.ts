import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import type { Hello, Scope } from '@edgeplane/proto/edgeplane/notify.js';
import type { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import type { MessageStream } from '@edgeplane/rpc';
import { notifyErrors } from '../errors.js';
import type { FanOut } from '../fan-out.js';
import type { NotifyLimits } from '../limits.js';
import type { NoticeReader } from '../notice-reader.js';
import type { Permit } from '../permit.js';
import type { NotifyCaller } from '../transport.js';
import type { MessageReceiver, NodeTime, NotifyCounters, PeerInfo, Receiver } from '../types.js';
import { HOLD_BACK_MS, type Upstream, type Wanted } from '../upstream.js';
import { PROTOCOL_VERSION, versionNotice } from '../wire.js';
import { FrameSession } from './frame-session.js';
import { checkDataModel, checkHello, decodeCloudlets, helloOf } from './hello.js';
import { encodeNotice } from './notices.js';
import { RetainedPeers } from './retained-peers.js';
import { revisionNumber } from './revision.js';
import type { SenderClock } from './sender-clock.js';
import { StoreAnswers } from './store-answers.js';
import { SyncTurns } from './sync-turns.js';
import { Views } from './views.js';

/** Room in a notice for what goes beside a single large object. */
const BESIDES = 16 * 1024;
/** A peer whose data model we do not know need not come back soon, milliseconds. */
const RETRY_MS = 60_000;
/** Another server may be further, milliseconds. */
const BEHIND_RETRY_MS = 250;
/** One that a relay cannot serve may find another that can, milliseconds. */
const ELSEWHERE_MS = 500;

export interface FrameServerOptions {
  /** Our name, for the life of this server. */
  readonly node: string;
  readonly fanOut: FanOut;
  readonly time: NodeTime;
  readonly wants: readonly string[];
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: NotifyLimits;
  readonly counters: NotifyCounters;
  nextId(): bigint;
  /** Order of a session of a client that tells none. */
  nextSession(): number;
  /** Of a relay: the other side of the same node. */
  readonly upstream?: Upstream | undefined;
}

/** A session of version 2 at a server. */
export interface FrameConnection {
  readonly peer: PeerInfo;
  readonly session: FrameSession;
}

/** The server's end of version 2. */
export class FrameServer {
  readonly #options: FrameServerOptions;
  readonly #views: Views;
  readonly #clock: SenderClock;
  readonly #turns: SyncTurns;
  readonly #retained: RetainedPeers;

  constructor(options: FrameServerOptions) {
    this.#options = options;
    const { fanOut, limits, counters, logger, time, clock } = options;
    this.#views = new Views({
      fanOut,
      maxBytes: limits.maxNoticeBytes - BESIDES,
      maxTombstones: limits.maxTombstones,
      ...{ counters, logger },
    });
    this.#clock = senderClock(this.#views, time);
    this.#turns = new SyncTurns(limits.maxSyncs);
    this.#retained = new RetainedPeers(clock, limits, options.nextId);
  }

  /** Peers that left reports behind and may come back, and since when. */
  get stale(): ReadonlyMap<bigint, number> {
    return this.#retained.stale;
  }

  /** Forgets what peers without a session reported. */
  stop(): Promise<void> {
    return this.#retained.stop();
  }

  /**
   * Runs a session, from the answer to the client's hello to its end. `register` is told of it, and its result is called
   * at the end.
   * @throws EdgeplaneError for which the stream is to be broken off
   */
  async serve(
    stream: MessageStream,
    reader: NoticeReader,
    caller: NotifyCaller,
    first: Notice & { hello: Hello; permit: Permit | undefined },
    register: (connection: FrameConnection) => () => void,
  ): Promise<void> {
    const { hello, wantObjs, filterCloudletKey, permit } = first;
    const { node, wants, limits, counters, clock } = this.#options;
    checkHello(hello, limits.maxScope);
    const own = revisionNumber(hello.session);
    const since = own || this.#options.nextSession();
    const refuse = (retryAfterMs: number) => (error: unknown) => {
      stream.write(encodeNotice({ drain: { reason: messageOf(error), retryAfterMs } }));
      throw error;
    };
    try {
      checkDataModel(hello);
    } catch (error) {
      refuse(RETRY_MS)(error);
    }
    const cloudlets = filterCloudletKey ? decodeCloudlets(hello.scope) : [];
    permit?.begin(filterCloudletKey, { cloudlets, whole: hello.whole }, hello.path);
    const { upstream } = this.#options;
    await upstream?.admit({ node: hello.node, below: hello.path }).catch(refuse(ELSEWHERE_MS));
    const turn = this.#retained.nextTurn();
    await this.#catchUp(hello).catch(refuse(BEHIND_RETRY_MS));
    let session: FrameSession | undefined;
    let ended: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const retained = await this.#retained.begin(
      turn,
      hello.node,
      caller.identity,
      hello.lastServer === node,
      async () => {
        session?.close();
        await over;
      },
    );
    const peer: PeerInfo = {
      id: retained.id,
      address: caller.peer,
      version: PROTOCOL_VERSION,
      cloudlets: retained.cloudlets,
      relays: hello.path,
      since,
      ...(own > 0 && { session: own }),
      identity: caller.identity,
      ...{ wantObjs, filterCloudletKey },
    };
    const logger = this.#options.logger.child({ peer: peer.address, id: peer.id.toString() });
    const lost = retained.origins.lost(hello.origins, retained.held);
    const answer = helloOf({
      ...{ node, views: this.#views, time: this.#clock },
      held: retained.held.toWire(wants),
      scope: [],
      path: upstream?.above() ?? [],
    });
    stream.write(versionNotice(PROTOCOL_VERSION, wants, false, answer));
    session = new FrameSession({
      ...{ stream, reader, clock, logger, limits, counters },
      views: this.#views,
      wants: new Set(wantObjs),
      scope: filterCloudletKey ? cloudlets : undefined,
      whole: hello.whole,
      scopeNumber: hello.scopeNumber,
      holdBack: upstream !== undefined,
      time: this.#clock,
      turns: this.#turns,
      peerHolds: hello.held,
      incoming: {
        types: hello.types,
        lineage: hello.lineage,
        held: retained.held,
        origins: retained.origins,
        permit,
        receivers: this.#options.receivers,
        messageReceivers: this.#options.messageReceivers,
        peer,
        stampNotifyId: true,
        afterUpdate: (receiver, object) => {
          if (receiver.type.name === 'CloudletInfo') retained.cloudlets.add(receiver.type.keyJsonOf(object));
        },
        afterDelete: (receiver, cloudlet) => {
          if (receiver.type.name === 'CloudletInfo') retained.cloudlets.delete(cloudlet);
        },
      },
      onAsksStore: (question) => void store.asked(question),
      onScope: (scope) => {
        const added = { cloudlets: decodeCloudlets(scope.add), whole: scope.wholeAdd };
        permit?.want(added);
        if (session) scopes = this.#changeScope(session, peer, { ...scope, added }, scopes);
      },
    });
    const { signal } = session;
    const store = new StoreAnswers(
      async () => {
        const { time } = this.#options;
        if (signal.aborted || !time.storedRevision) throw new Error('it cannot be known');
        return time.storedRevision(signal);
      },
      (question, revision) => session?.tellStore({ question, revision: BigInt(revision) }),
    );
    let scopes = this.#bring(session, peer, first);
    const unregister = register({ peer, session });
    logger.info({ from: 'connecting', to: 'connected', version: 2, wants: wantObjs }, 'Peer connected');
    try {
      await session.lose(lost);
      await session.run();
    } finally {
      unregister();
      ended();
      const own = session;
      await this.#retained.finish(hello.node, retained, own.farewell, () => own.forget());
      logger.info({ from: 'connected', to: 'disconnected' }, 'Peer disconnected');
    }
  }

  /** Of a relay: lets objects go when what the peer wants has come from above; else sends the peer elsewhere. */
  async #bring(session: FrameSession, peer: PeerInfo, first: Notice & { hello: Hello }): Promise<void> {
    const { upstream, clock, logger } = this.#options;
    if (!upstream) return;
    const { hello, wantObjs, filterCloudletKey } = first;
    const wanted = filterCloudletKey
      ? { cloudlets: decodeCloudlets(hello.scope), whole: hello.whole }
      : { cloudlets: [], whole: wantObjs };
    const reason = 'what it wants has not come from above';
    const cancel = clock.after(HOLD_BACK_MS, () => {
      logger.warn({ peer: peer.address, reason }, 'Peer sent elsewhere');
      session.drain({ reason, retryAfterMs: ELSEWHERE_MS });
    });
    try {
      await upstream.wantOnly(peer, wanted, session.signal);
      session.release();
    } catch (error) {
      session.close(error);
    } finally {
      cancel();
    }
  }

  /** Scopes change one after the other; a relay first has to get what is new. */
  async #changeScope(
    session: FrameSession,
    peer: PeerInfo,
    scope: Scope & { readonly added: Wanted },
    before: Promise<void>,
  ): Promise<void> {
    const { upstream } = this.#options;
    const { added } = scope;
    const removed = { cloudlets: decodeCloudlets(scope.remove), whole: scope.wholeRemove };
    if (upstream) {
      await before;
      await upstream.want(peer, added, session.signal).catch((error: unknown) => session.close(error));
      upstream.unwant(peer, removed);
    }
    for (const cloudlet of added.cloudlets) session.addCloudlet(cloudlet);
    for (const cloudlet of removed.cloudlets) session.removeCloudlet(cloudlet);
    session.setWhole(added.whole, true);
    session.setWhole(removed.whole, false);
    session.scopeIs(scope.number);
  }

  /**
   * The client may come from a server that was ahead of us: it is not told what it knows to be old.
   * @throws EdgeplaneError SERVER_BEHIND
   */
  async #catchUp({ held }: Hello): Promise<void> {
    const own = held.filter((type) => type.lineage === this.#clock.lineage);
    const wanted = Math.max(0, ...own.map(({ newest }) => Number(newest)));
    const reached = Math.max(0, ...this.#views.lanes.map(({ place }) => this.#clock.revision(place)));
    if (wanted <= reached) return;
    const outcome = await this.#options.time.catchUp?.(wanted);
    if (outcome === 'behind') throw fail(notifyErrors.SERVER_BEHIND, { revision: wanted });
  }
}

/** Revisions of what a node sends. */
export function senderClock(views: Views, time: NodeTime): SenderClock {
  return {
    get lineage() {
      return time.lineage;
    },
    revision: (place) => views.lanes[place]?.encoder.source.revision?.() ?? 0,
  };
}
