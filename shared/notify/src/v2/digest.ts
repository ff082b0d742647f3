import type { Digest as WireDigest } from '@edgeplane/proto/edgeplane/notify.js';
import { murmur3 } from './murmur3.js';

/** Two 32-bit numbers that stand for the bytes of an object. */
export interface Fingerprint {
  readonly high: number;
  readonly low: number;
}

/** Stands for an object's encoded bytes (docs/notify-protocol.md, Terms). */
export function fingerprint(bytes: Uint8Array): Fingerprint {
  return murmur3(bytes);
}

/** The number whose low bits are the bucket of a key. */
export function keyNumber(keyJson: string): number {
  return murmur3(Buffer.from(keyJson)).high;
}

/** Sum of the fingerprints of a set: equal for equal sets, whatever the order in which they came about. */
export class Digest {
  count = 0;
  high = 0;
  low = 0;

  static of(fingerprints: Iterable<Fingerprint>): Digest {
    const digest = new Digest();
    for (const one of fingerprints) digest.add(one);
    return digest;
  }

  add({ high, low }: Fingerprint): void {
    this.count += 1;
    this.high = (this.high + high) >>> 0;
    this.low = (this.low + low) >>> 0;
  }

  remove({ high, low }: Fingerprint): void {
    this.count -= 1;
    this.high = (this.high - high) >>> 0;
    this.low = (this.low - low) >>> 0;
  }

  /** Adds a whole set that has nothing in common with this one. */
  join(other: Digest): void {
    this.count += other.count;
    this.high = (this.high + other.high) >>> 0;
    this.low = (this.low + other.low) >>> 0;
  }

  equals(other: WireDigest | undefined): boolean {
    return (
      this.count === (other?.count ?? 0) && this.high === (other?.high ?? 0) && this.low === (other?.low ?? 0)
    );
  }

  toWire(): WireDigest {
    return { count: this.count, high: this.high, low: this.low };
  }
}
