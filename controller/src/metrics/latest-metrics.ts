import type { Clock } from '@edgeplane/base';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { AppInstMetrics } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletMetrics } from '@edgeplane/proto/edgeproto/cloudlet.js';

/** A sample this old says nothing any more, milliseconds: its agent is gone, or measures no longer. */
export const STALE_MS = 300_000;

/** The objects that are measured, by key JSON. */
interface Existing {
  get(key: string): unknown;
  subscribe(listener: (change: { readonly key: string; readonly value?: unknown }) => void): unknown;
}

interface Measurements {
  readonly ageMs: bigint;
}

/**
 * The latest sample of each instance and Cloudlet whose agent is connected here. In memory; bounded by what exists, as
 * samples go with their instance or Cloudlet, and when they are stale.
 */
export class LatestMetrics {
  readonly appInsts: LatestOf<AppInstMetrics>;
  readonly cloudlets: LatestOf<CloudletMetrics>;

  constructor(caches: { readonly appInsts: Existing; readonly cloudlets: Existing }, clock: Clock) {
    this.appInsts = new LatestOf(OBJECTS.AppInstMetrics, caches.appInsts, clock);
    this.cloudlets = new LatestOf(OBJECTS.CloudletMetrics, caches.cloudlets, clock);
  }
}

/** Latest samples of one type, by the key that the measured object has too. */
class LatestOf<T extends Measurements> {
  readonly #type: Pick<ObjectType<T, unknown>, 'keyJsonOf'>;
  readonly #measured: Existing;
  readonly #clock: Clock;
  readonly #samples = new Map<string, { readonly sample: T; readonly at: number }>();

  constructor(type: Pick<ObjectType<T, unknown>, 'keyJsonOf'>, measured: Existing, clock: Clock) {
    this.#type = type;
    this.#measured = measured;
    this.#clock = clock;
    // As long as the cache itself.
    measured.subscribe(({ key, value }) => {
      if (!value) this.#samples.delete(key);
    });
  }

  /** False when what was measured does not exist. */
  put(sample: T): boolean {
    const key = this.#type.keyJsonOf(sample);
    if (!this.#measured.get(key)) return false;
    this.#samples.set(key, { sample, at: this.#clock.monotonic() });
    return true;
  }

  /** Those that are not stale, with their age. */
  values(): T[] {
    const now = this.#clock.monotonic();
    const fresh: T[] = [];
    for (const [key, { sample, at }] of this.#samples) {
      if (now - at > STALE_MS) this.#samples.delete(key);
      else fresh.push({ ...sample, ageMs: BigInt(Math.round(now - at)) });
    }
    return fresh;
  }
}
