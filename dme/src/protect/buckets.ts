import { isIPv6 } from 'node:net';

/** How much may happen: so many in a second in the long run, and so many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A bucket that fills with time, and from which every event takes one. */
export class Bucket {
  readonly #rate: Rate;
  #left: number;
  #at: number;

  /** `now` as in {@link take}. Full at first. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#at = now;
  }

  /** Whether there was one to take; `now` in milliseconds of a clock that never goes back. */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) * perSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/** Peers that are told apart. */
const MAX_PEERS = 50_000;

/** A bucket for each peer, for as many as may be told apart; then the ones met first are forgotten, and begin anew. */
export class PeerBuckets {
  readonly #rate: Rate;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** As {@link Bucket.take}. */
  take(peer: string, now: number): boolean {
    let bucket = this.#buckets.get(peer);
    if (!bucket) {
      if (this.#buckets.size >= MAX_PEERS) {
        const [oldest] = this.#buckets.keys();
        if (oldest !== undefined) this.#buckets.delete(oldest);
      }
      bucket = new Bucket(this.#rate, now);
      this.#buckets.set(peer, bucket);
    }
    return bucket.take(now);
  }
}

/** What counts as one peer: an IPv4 address, or the first half of an IPv6 one, which one subscriber has all of. */
export function peerName(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = ip.toLowerCase().split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
