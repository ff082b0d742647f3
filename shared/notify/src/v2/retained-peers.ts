import { type Clock, fail } from '@edgeplane/base';
import type { PeerIdentity } from '@edgeplane/rpc';
import { notifyErrors } from '../errors.js';
import type { NotifyLimits } from '../limits.js';
import { Held } from './held.js';
import { Origins } from './origins.js';

/** What a server keeps of a peer beyond its session. */
export interface RetainedPeer {
  readonly id: bigint;
  readonly held: Held;
  /** Whom it speaks for. */
  readonly origins: Origins;
  /** Key JSON of each cloudlet that it has reported. */
  readonly cloudlets: Set<string>;
}

interface Retained extends RetainedPeer {
  readonly turn: number;
  readonly identity: string | undefined;
  /** Ends the session in progress, and resolves when it has ended. */
  end: (() => Promise<void>) | undefined;
  flush: (() => Promise<void>) | undefined;
  cancelFlush: (() => void) | undefined;
  /** Since when there is no session, by the wall clock. */
  staleSince: number | undefined;
}

/**
 * Keeps what peers reported for a while after they are gone, for them to go on with. One session per peer: a new one ends
 * the old one, which may be half-open.
 */
export class RetainedPeers {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #maxStale: number;
  readonly #nextId: () => bigint;
  readonly #peers = new Map<string, Retained>();
  readonly #flushes = new Set<Promise<void>>();
  #turns = 0;
  /** Peers whose flush is waited for. */
  #stale = 0;
  #stopped = false;

  constructor(
    clock: Clock,
    { graceMs, maxStale }: Pick<NotifyLimits, 'graceMs' | 'maxStale'>,
    nextId: () => bigint,
  ) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#maxStale = maxStale;
    this.#nextId = nextId;
  }

  /** Peers without a session, by id, and since when (milliseconds since 1970). */
  get stale(): ReadonlyMap<bigint, number> {
    const found = [...this.#peers.values()].flatMap(({ id, staleSince }) =>
      staleSince === undefined ? [] : [[id, staleSince] as const],
    );
    return new Map(found);
  }

  /** The place of a connection among all, in the order in which they came. */
  nextTurn(): number {
    this.#turns += 1;
    return this.#turns;
  }

  /**
   * Begins a session of a peer. Nothing is gone on with when it has been elsewhere (`comesBack` is false): what it reported
   * there may have undone what it reported here. Another identity under the same name is another peer.
   * @throws EdgeplaneError SESSION_CLOSED when the peer has begun another one that came later: this one had to wait, and is
   * dead by now
   */
  async begin(
    turn: number,
    node: string,
    identity: PeerIdentity | undefined,
    comesBack: boolean,
    end: () => Promise<void>,
  ): Promise<RetainedPeer> {
    for (;;) {
      const known = this.#peers.get(node);
      const itself = known?.identity === identity?.fingerprint;
      if (itself && known && known.turn > turn)
        throw fail(notifyErrors.SESSION_CLOSED, { reason: 'the peer has connected anew since' });
      if (itself && known?.end) {
        await known.end();
        // Somebody else may have been faster.
        continue;
      }
      known?.cancelFlush?.();
      if (known && !(comesBack && itself)) {
        await this.#flush(node, known);
        continue;
      }
      const peer: Retained = {
        turn,
        id: known?.id ?? this.#nextId(),
        held: known?.held ?? new Held(),
        cloudlets: known?.cloudlets ?? new Set(),
        origins: known?.origins ?? new Origins(this.#nextId),
        identity: identity?.fingerprint,
        end,
        ...{ flush: undefined, cancelFlush: undefined, staleSince: undefined },
      };
      this.#peers.set(node, peer);
      return peer;
    }
  }

  /**
   * The session has ended. `flush` forgets what the peer reported: at once if it said farewell, else unless it comes back
   * in time.
   */
  async finish(
    node: string,
    peer: RetainedPeer,
    farewell: boolean,
    flush: () => Promise<void>,
  ): Promise<void> {
    const retained = this.#peers.get(node);
    if (retained !== peer) return flush();
    retained.end = undefined;
    retained.flush = flush;
    retained.staleSince = this.#clock.now();
    if (farewell || this.#stopped || this.#graceMs === 0 || this.#stale >= this.#maxStale)
      return this.#flush(node, retained);
    this.#stale += 1;
    const cancel = this.#clock.after(this.#graceMs, () => {
      const work = this.#flush(node, retained).finally(() => this.#flushes.delete(work));
      this.#flushes.add(work);
    });
    retained.cancelFlush = () => {
      retained.cancelFlush = undefined;
      this.#stale -= 1;
      cancel();
    };
  }

  /** Flushes everything that waits, and keeps nothing from now on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(
      [...this.#peers].map(([node, peer]) => (peer.end ? undefined : this.#flush(node, peer))),
    );
    await Promise.all(this.#flushes);
  }

  async #flush(node: string, peer: Retained): Promise<void> {
    peer.cancelFlush?.();
    if (this.#peers.get(node) === peer) this.#peers.delete(node);
    const { flush } = peer;
    peer.flush = undefined;
    await flush?.();
  }
}
