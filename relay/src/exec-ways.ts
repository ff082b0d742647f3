import type { Clock } from '@edgeplane/base';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';

/** Controllers wait less for an answer, milliseconds. */
const REMEMBER_MS = 10_000;
/** More at a time than a controller asks for; the oldest is forgotten first, and ends when its controller tires of it. */
const MOST = 2000;

interface Way {
  readonly message: ExecRequest;
  /** Peers that were asked, and are there and have not replied. */
  readonly peers: Set<bigint>;
  readonly until: number;
}

/**
 * Offers of shells on their way down, so that who has asked hears at once that nobody is left to answer. Pure bookkeeping
 * but for the time.
 */
export class ExecWays {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By request id, of older controllers by offer; oldest first. */
  readonly #ways = new Map<string, Way>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#ways.size;
  }

  /** An offer went to these peers. */
  sent(message: ExecRequest, peers: Iterable<bigint>): void {
    const now = this.#clock.monotonic();
    for (const [name, { until }] of this.#ways) {
      if (until > now && this.#ways.size < MOST) break;
      this.#ways.delete(name);
    }
    this.#ways.set(nameOf(message), { message, peers: new Set(peers), until: now + REMEMBER_MS });
  }

  /** A peer has replied; after an answer nobody else's counts. */
  replied(reply: ExecRequest, peer: bigint): void {
    for (const name of [reply.requestId, reply.offer]) {
      const way = this.#ways.get(name);
      if (!way?.peers.delete(peer)) continue;
      if (reply.answer !== '' || way.peers.size === 0) this.#ways.delete(name);
    }
  }

  /** A peer is gone; the offers that nobody is left to answer. */
  gone(peer: bigint): ExecRequest[] {
    const now = this.#clock.monotonic();
    const lost: ExecRequest[] = [];
    for (const [name, { message, peers, until }] of this.#ways) {
      if (!peers.delete(peer) || peers.size > 0) continue;
      this.#ways.delete(name);
      if (until > now) lost.push(message);
    }
    return lost;
  }
}

function nameOf({ requestId, offer }: ExecRequest): string {
  return requestId || offer;
}
