import { setMaxListeners } from 'node:events';
import { type Clock, type EdgeplaneError, fail, sleep } from '@edgeplane/base';
import type { RpcContext } from '@edgeplane/rpc';
import { dmeErrors } from '../errors.js';
import { peerIp } from '../peer-ip.js';
import { Bucket, PeerBuckets, peerName, type Rate } from './buckets.js';
import { Turns } from './turns.js';

/** What calls are held to; undefined and 0: to nothing. */
export interface GateLimits {
  /** Calls of one peer. */
  readonly peerRate: Rate | undefined;
  /** Calls of all. */
  readonly rate: Rate | undefined;
  /** Cookies and tokens of one peer that are not good. */
  readonly badRate: Rate | undefined;
  /** Calls that waited longer than this for their turn are shed, milliseconds. */
  readonly shedLagMs: number;
}

/** How many calls were turned away, by why, since the start. */
export interface GateCounts {
  peer: number;
  all: number;
  bad: number;
  lag: number;
}

/**
 * A refusal that costs its caller time: who calls again at once would else keep the process busy with refusals. Bounded in
 * number; more are refused at once.
 */
const HOLD_MS = 250;
const MAX_HELD = 20_000;

/** Who calls, as far as that matters here. */
type Caller = Pick<RpcContext, 'peer'>;

/**
 * Turns away calls that are too many: of one peer, of all, or more than the process can answer in time. What passes is not
 * slowed down.
 */
export class Gate {
  readonly counts: GateCounts = { peer: 0, all: 0, bad: 0, lag: 0 };
  readonly #limits: GateLimits;
  readonly #clock: Clock;
  readonly #peers: PeerBuckets | undefined;
  readonly #all: Bucket | undefined;
  readonly #bad: PeerBuckets | undefined;
  readonly #turns: Turns | undefined;
  readonly #end = new AbortController();
  #held = 0;

  /** `turns` by default those of the event loop. */
  constructor(limits: GateLimits, clock: Clock, turns = new Turns(clock)) {
    // Each that is held listens to it; their number is bounded by MAX_HELD.
    setMaxListeners(0, this.#end.signal);
    this.#limits = limits;
    this.#clock = clock;
    this.#peers = limits.peerRate && new PeerBuckets(limits.peerRate);
    this.#all = limits.rate && new Bucket(limits.rate, clock.monotonic());
    this.#bad = limits.badRate && new PeerBuckets(limits.badRate);
    this.#turns = limits.shedLagMs > 0 ? turns : undefined;
  }

  async stop(): Promise<void> {
    this.#end.abort();
  }

  get held(): number {
    return this.#held;
  }

  /** How long the calls of the last turn waited, the last one of them, milliseconds. */
  get lagMs(): number {
    return this.#turns?.lastMs ?? 0;
  }

  /**
   * Undefined when a call may pass; otherwise a promise that rejects after a moment. `peer` is the transport address, `now` milliseconds of the
   * clock that never goes back.
   * Rejects with EdgeplaneError TOO_MANY_CALLS, TOO_MANY_CALLS_OF_PEER or OVERLOADED_SHED.
   */
  refusal(caller: Caller, now: number): Promise<never> | undefined {
    const { peerRate, rate, shedLagMs } = this.#limits;
    if (this.#turns && this.#turns.waitedMs(now) > shedLagMs) {
      this.counts.lag += 1;
      return this.#hold(fail(dmeErrors.OVERLOADED_SHED));
    }
    // A peer's own limit first, so that it takes nothing of what all share.
    if (this.#peers && !this.#peers.take(nameOf(caller), now)) {
      this.counts.peer += 1;
      return this.#hold(fail(dmeErrors.TOO_MANY_CALLS_OF_PEER, { rate: peerRate?.perSecond ?? 0 }));
    }
    if (this.#all && !this.#all.take(now)) {
      this.counts.all += 1;
      return this.#hold(fail(dmeErrors.TOO_MANY_CALLS, { rate: rate?.perSecond ?? 0 }));
    }
    return undefined;
  }

  /**
   * What a caller with a bad cookie or token is told: that, or once there are many from its address, that it is throttled,
   * and after a moment.
   */
  async bad(error: unknown, caller: Caller): Promise<never> {
    if (!this.#bad || this.#bad.take(nameOf(caller), this.#clock.monotonic())) throw error;
    this.counts.bad += 1;
    return this.#hold(fail(dmeErrors.TOO_MANY_BAD));
  }

  async #hold(error: EdgeplaneError): Promise<never> {
    if (this.#held < MAX_HELD) {
      this.#held += 1;
      await sleep(this.#clock, HOLD_MS, this.#end.signal).catch(() => undefined);
      this.#held -= 1;
    }
    throw error;
  }
}

function nameOf({ peer }: Caller): string {
  return peerName(peerIp(peer));
}
