import type { Duplex } from 'node:stream';
import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import type { Hello, Scope } from '@edgeplane/proto/edgeplane/notify.js';
import type { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from '../errors.js';
import type { FanOut } from '../fan-out.js';
import type { NoticeReader } from '../notice-reader.js';
import type { NotifyCaller } from '../transport.js';
import type {
  MessageReceiver,
  NodeTime,
  NotifyCounters,
  NotifyLimits,
  PeerInfo,
  Receiver,
} from '../types.js';
import { PROTOCOL_VERSION, versionNotice } from '../wire.js';
import type { SenderClock } from './frame-sender.js';
import { FrameSession } from './frame-session.js';
import { checkDataModel, checkHello, decodeCloudlets, helloOf } from './hello.js';
import { encodeNotice } from './notices.js';
import { RetainedPeers } from './retained-peers.js';
import { SyncTurns } from './sync-turns.js';
import { Views } from './views.js';

/** Room in a notice for what goes beside a single large object. */
const BESIDES = 16 * 1024;
/** A peer whose data model we do not know need not come back soon, milliseconds. */
const RETRY_MS = 60_000;
/** Another server may be further, milliseconds. */
const BEHIND_RETRY_MS = 250;

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
    this.#clock = senderClock(this.#views, time.lineage);
    this.#turns = new SyncTurns(limits.maxSyncs);
    this.#retained = new RetainedPeers(clock, limits, options.nextId);
  }

  /** Peers that left reports behind and may come back, and since when. */
  get stale(): ReadonlyMap<string, number> {
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
    stream: Duplex,
    reader: NoticeReader,
    caller: NotifyCaller,
    first: Notice & { hello: Hello },
    register: (connection: FrameConnection) => () => void,
  ): Promise<void> {
    const { hello, wantObjs, filterCloudletKey } = first;
    const { node, wants, limits, counters, clock } = this.#options;
    checkHello(hello, limits.maxScope);
    const refuse = (retryAfterMs: number) => (error: unknown) => {
      stream.write(encodeNotice({ drain: { reason: messageOf(error), retryAfterMs } }));
      throw error;
    };
    try {
      checkDataModel(hello);
    } catch (error) {
      refuse(RETRY_MS)(error);
    }
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
      identity: caller.identity,
      ...{ wantObjs, filterCloudletKey },
    };
    const logger = this.#options.logger.child({ peer: peer.address, id: peer.id.toString() });
    const answer = helloOf({
      ...{ node, views: this.#views, time: this.#clock },
      held: retained.held.toWire(wants),
      scope: [],
    });
    stream.write(versionNotice(PROTOCOL_VERSION, wants, false, answer));
    session = new FrameSession({
      ...{ stream, reader, clock, logger, limits, counters },
      views: this.#views,
      wants: new Set(wantObjs),
      scope: filterCloudletKey ? decodeCloudlets(hello.scope) : undefined,
      time: this.#clock,
      turns: this.#turns,
      peerHolds: hello.held,
      incoming: {
        types: hello.types,
        lineage: hello.lineage,
        held: retained.held,
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
      onScope: (scope) => changeScope(session, scope),
    });
    const unregister = register({ peer, session });
    logger.info({ from: 'connecting', to: 'connected', version: 2, wants: wantObjs }, 'Peer connected');
    try {
      await session.run();
    } finally {
      unregister();
      ended();
      const own = session;
      await this.#retained.finish(hello.node, retained, own.farewell, () => own.forget());
      logger.info({ from: 'connected', to: 'disconnected' }, 'Peer disconnected');
    }
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
export function senderClock(views: Views, lineage: string): SenderClock {
  return {
    lineage,
    revision: (place) => views.lanes[place]?.encoder.source.revision?.() ?? 0,
  };
}

function changeScope(session: FrameSession | undefined, scope: Scope): void {
  for (const cloudlet of decodeCloudlets(scope.add)) session?.addCloudlet(cloudlet);
  for (const cloudlet of decodeCloudlets(scope.remove)) session?.removeCloudlet(cloudlet);
}
