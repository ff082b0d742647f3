import type { Clock } from '@edgeplane/base';
import { distanceKm, type Place } from './geo.js';
import type { Latency } from './ranking.js';

interface Report {
  readonly reporter: string;
  readonly ms: number;
  readonly at: number;
}

/** One report that was taken. */
export interface LatencySample {
  readonly reporter: string;
  readonly from: Place;
  /** A name of any kind. */
  readonly cloudlet: string;
  readonly ms: number;
}

export interface LatencyLimits {
  /** Pairs of a region and a cloudlet that are kept; the one that was reported longest ago goes first. */
  readonly pairs: number;
  /** Reporters of each; the oldest report goes first. */
  readonly reporters: number;
  /** Fewer reporters say nothing. */
  readonly enough: number;
  /** A report counts half after this time, and not at all after eight times of it, milliseconds. */
  readonly halfLifeMs: number;
}

export const LATENCY_LIMITS: LatencyLimits = {
  pairs: 50_000,
  reporters: 31,
  enough: 3,
  halfLifeMs: 10 * 60_000,
};

/** Edge of a region, degrees: some 200 km. */
const REGION_DEGREES = 2;
/** Light in a vacuum and back, km per millisecond: nothing is faster. */
const LIGHT_KM_PER_MS = 299.79 / 2;
/** Slower than this is no measurement, milliseconds. */
const SLOWEST_MS = 10_000;
/** Half-lives after which a report is forgotten. */
const LIVES = 8;

/**
 * Round trips that clients have reported, by region and cloudlet. What is said of a pair is the median over reporters, each of
 * whom counts once, by its last report; younger ones count more. So who lies moves it no farther than to what honest ones have
 * said, unless half of them lie; and nobody can be nearer than light is.
 */
export class LatencyBook {
  readonly #clock: Clock;
  readonly #limits: LatencyLimits;
  readonly #onTaken: (sample: LatencySample) => void;
  /** By region and cloudlet, the one that was reported last at the end. */
  readonly #pairs = new Map<string, Report[]>();

  /** `onTaken` hears of what is reported here and taken. */
  constructor(
    clock: Clock,
    limits: LatencyLimits = LATENCY_LIMITS,
    onTaken: (sample: LatencySample) => void = () => undefined,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onTaken = onTaken;
  }

  get size(): number {
    return this.#pairs.size;
  }

  /** Notes a report; why it is not taken, if it is not. `cloudlet` is a name of any kind. */
  report(reporter: string, from: Place, cloudlet: string, at: Place, ms: number): string | undefined {
    const least = distanceKm(from, at) / LIGHT_KM_PER_MS;
    if (!(ms >= least && ms > 0))
      return `${ms} ms is less than light takes for the distance, ${least.toFixed(2)} ms`;
    if (ms > SLOWEST_MS) return `${ms} ms is more than ${SLOWEST_MS} ms`;
    const sample = { reporter, from: { latitude: from.latitude, longitude: from.longitude }, cloudlet, ms };
    this.add(sample);
    this.#onTaken(sample);
    return undefined;
  }

  /** Notes what was reported elsewhere, and taken there. */
  add({ reporter, from, cloudlet, ms }: LatencySample): void {
    const pair = pairOf(from, cloudlet);
    const others = (this.#pairs.get(pair) ?? []).filter((report) => report.reporter !== reporter);
    const reports = [...others, { reporter, ms, at: this.#clock.monotonic() }];
    this.#pairs.delete(pair);
    this.#pairs.set(pair, reports.slice(-this.#limits.reporters));
    if (this.#pairs.size > this.#limits.pairs)
      for (const oldest of this.#pairs.keys()) {
        this.#pairs.delete(oldest);
        break;
      }
  }

  /** What clients around a place have reported of a cloudlet; undefined when too few have, of late. */
  find(from: Place, cloudlet: string): Latency | undefined {
    const reports = this.#pairs.get(pairOf(from, cloudlet));
    if (!reports) return undefined;
    const { halfLifeMs, enough } = this.#limits;
    const now = this.#clock.monotonic();
    const young = reports.filter(({ at }) => now - at < LIVES * halfLifeMs);
    if (young.length < enough) return undefined;
    const weighted = young.map(({ ms, at }) => ({ ms, weight: 2 ** (-(now - at) / halfLifeMs) }));
    return { ms: weightedMedian(weighted), reports: young.length };
  }
}

/** The value that half of the weight does not exceed. */
function weightedMedian(values: readonly { readonly ms: number; readonly weight: number }[]): number {
  const sorted = [...values].sort((a, b) => a.ms - b.ms);
  let left = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  for (const { ms, weight } of sorted) {
    left -= weight;
    if (left <= 0) return ms;
  }
  return sorted.at(-1)?.ms ?? Number.NaN;
}

function pairOf({ latitude, longitude }: Place, cloudlet: string): string {
  const row = Math.floor(latitude / REGION_DEGREES);
  // Regions are as wide in the north as at the equator.
  const width = REGION_DEGREES / Math.max(Math.cos((row * REGION_DEGREES * Math.PI) / 180), 0.02);
  return `${row} ${Math.floor(longitude / width)} ${cloudlet}`;
}
