import type { Clock, Logger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { Drain, Hello, Scope } from '@edgeplane/proto/edgeplane/notify.js';
import type { MessageStream } from '@edgeplane/rpc';
import type { FanOut } from '../fan-out.js';
import type { NotifyLimits } from '../limits.js';
import type { NoticeReader } from '../notice-reader.js';
import type { MessageReceiver, NodeTime, NotifyCounters, PeerInfo, Receiver, SendSource } from '../types.js';
import { type Downstream, NOTHING_WANTED, type Wanted } from '../upstream.js';
import { senderClock } from './frame-server.js';
import { FrameSession } from './frame-session.js';
import { Held, type HeldBefore, type HeldType } from './held.js';
import { checkDataModel, checkHello, encodeCloudlet, helloOf } from './hello.js';
import { revisionNumber } from './revision.js';
import type { SenderClock } from './sender-clock.js';
import { SyncTurns } from './sync-turns.js';
import { Views } from './views.js';

/** Room in a notice for what goes beside a single large object. */
const BESIDES = 16 * 1024;

const NO_CHANGE: Scope = { add: [], remove: [], wholeAdd: [], wholeRemove: [], number: 0 };

export interface FrameClientOptions {
  /** Our name, for the life of this client. */
  readonly node: string;
  readonly fanOut: FanOut;
  readonly time: NodeTime;
  readonly wants: readonly string[];
  readonly filterCloudletKey: boolean;
  readonly sources: readonly SendSource[];
  readonly receivers: readonly Receiver[];
  readonly messageReceivers: readonly MessageReceiver[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: NotifyLimits;
  readonly counters: NotifyCounters;
  /** What an earlier life held. */
  readonly before: readonly HeldBefore[];
  persist?: (() => Promise<void>) | undefined;
  /** Of a relay: the other side of the same node. */
  readonly downstream?: Downstream | undefined;
}

/** The client's end of version 2: what it holds outlives its sessions. */
export class FrameClient {
  readonly #options: FrameClientOptions;
  readonly #views: Views;
  readonly #time: SenderClock;
  readonly #turns = new SyncTurns(1);
  readonly #held = new Held();
  #lastServer = '';
  #sessions = 0;
  /** What the last hello said. */
  #said: { readonly wanted: Wanted; readonly origins: readonly number[] } = {
    wanted: NOTHING_WANTED,
    origins: [],
  };

  constructor(options: FrameClientOptions) {
    this.#options = options;
    const { fanOut, limits, counters, logger, time } = options;
    this.#views = new Views({
      fanOut,
      maxBytes: limits.maxNoticeBytes - BESIDES,
      maxTombstones: limits.maxTombstones,
      ...{ counters, logger },
    });
    this.#time = senderClock(this.#views, time);
    for (const before of options.before) this.#held.restore(before);
  }

  /** What is held of a type, by its full name. */
  heldOf(type: string): Pick<HeldType, 'cursor' | 'revisionOf'> {
    return this.#held.of(type);
  }

  /** What goes with our VERSION. */
  hello(): Hello {
    const { node, wants, downstream, clock } = this.#options;
    this.#sessions = Math.max(this.#sessions + 1, Math.floor(clock.now()));
    const wanted = downstream?.wanted();
    const origins = [...(downstream?.origins() ?? [])];
    this.#said = { wanted: wanted ?? NOTHING_WANTED, origins };
    return helloOf({
      ...{ node, views: this.#views, time: this.#time, scope: wanted?.cloudlets ?? this.#scope() },
      held: this.#held.toWire(wants),
      lastServer: this.#lastServer,
      session: this.#sessions,
      ...(wanted && { whole: wanted.whole, scopeNumber: wanted.number }),
      origins,
      path: downstream?.below() ?? [],
    });
  }

  /** A server of version 1 does not say what it sends: nothing is known to be held any more. */
  forget(): void {
    this.#held.clear();
    this.#lastServer = '';
  }

  /**
   * Makes a session of a server's hello.
   * @throws EdgeplaneError DATA_MODEL_UNKNOWN
   */
  session(
    stream: MessageStream,
    reader: NoticeReader,
    hello: Hello,
    peer: PeerInfo,
    events: { onSynced(): void; onDrain(drain: Drain): void },
  ): FrameSession {
    checkHello(hello, 0);
    checkDataModel(hello);
    this.#options.downstream?.opened(hello, this.#options.logger);
    this.#rewind(hello);
    this.#lastServer = hello.node;
    const { clock, logger, limits, counters, receivers, messageReceivers, persist, downstream } =
      this.#options;
    const session = new FrameSession({
      ...{ stream, reader, clock, logger, limits, counters },
      views: this.#views,
      wants: new Set(peer.wantObjs),
      scope: undefined,
      time: this.#time,
      turns: this.#turns,
      peerHolds: hello.held,
      incoming: {
        types: hello.types,
        lineage: hello.lineage,
        held: this.#held,
        ...{ receivers, messageReceivers, peer },
        stampNotifyId: false,
        onSynced: events.onSynced,
        onInStep: (number) => downstream?.inStep(number),
      },
      ...(persist && { persist }),
      onDrain: events.onDrain,
      onStore: ({ question, revision }) => downstream?.storeIs(question, revisionNumber(revision)),
    });
    return session;
  }

  /** Follows the cloudlets that we report, for as long as a session lasts; the result ends that. */
  followScope(session: FrameSession): () => void {
    const { downstream } = this.#options;
    if (downstream) return this.#followDownstream(session, downstream);
    const source = this.#scopeSource();
    if (!source) return () => undefined;
    return source.subscribe((keyJson, previous) => {
      const is = source.get(keyJson) !== undefined;
      if (is && previous === undefined) session.changeScope({ ...NO_CHANGE, add: [encodeCloudlet(keyJson)] });
      if (!is) session.changeScope({ ...NO_CHANGE, remove: [encodeCloudlet(keyJson)] });
    });
  }

  /** What changed since the hello first, then every change. */
  #followDownstream(session: FrameSession, downstream: Downstream): () => void {
    const say = (add: Wanted, remove: Wanted, number: number) =>
      session.changeScope({
        add: add.cloudlets.map(encodeCloudlet),
        remove: remove.cloudlets.map(encodeCloudlet),
        wholeAdd: [...add.whole],
        wholeRemove: [...remove.whole],
        number,
      });
    const { wanted: before, origins } = this.#said;
    const now = downstream.wanted();
    say(without(now, before), without(before, now), now.number);
    const alive = new Set(downstream.origins());
    for (const number of origins) if (!alive.has(number)) session.originGone(number);
    const ends = [
      downstream.onWanted(say),
      downstream.onGone((number) => session.originGone(number)),
      downstream.onAsksStore((question) => session.askStore(question)),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  #scope(): Iterable<string> {
    return this.#scopeSource()?.keys() ?? [];
  }

  #scopeSource(): SendSource | undefined {
    const { filterCloudletKey, sources } = this.#options;
    if (!filterCloudletKey) return undefined;
    return sources.find(({ type }) => type.fullName === OBJECTS.CloudletInfo.fullName);
  }

  /** The server's revisions may go on from lower ones, after a backup was restored. */
  #rewind({ types, lineage, revisions }: Hello): void {
    for (const [place, type] of types.entries()) {
      const held = this.#held.of(type);
      if (held.isBeyond(lineage, Number(revisions[place] ?? 0n))) held.rewind();
    }
  }
}

function without(one: Wanted, other: Wanted): Wanted {
  const [cloudlets, whole] = [new Set(other.cloudlets), new Set(other.whole)];
  return {
    cloudlets: one.cloudlets.filter((cloudlet) => !cloudlets.has(cloudlet)),
    whole: one.whole.filter((type) => !whole.has(type)),
  };
}
