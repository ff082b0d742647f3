import type { Place } from './geo.js';
import { type Carriers, findInstance, PUBLIC_CLOUD_PADDING_KM } from './matcher.js';
import type { Match } from './nearby.js';
import { DEVELOPER_OPERATOR, PUBLIC_CLOUDS } from './reserved.js';

/** Round trips to a place, as clients of a region have reported them. */
export interface Latency {
  /** Median, milliseconds. */
  readonly ms: number;
  /** How many clients it is of. */
  readonly reports: number;
}

/** What a ranking chooses from. */
export interface Choices<T> extends Carriers<T> {
  nearestFew(carrier: string, place: Place, count: number): Match<T>[];
}

/** An instance that a client could be sent to. */
export interface Ranked<T> extends Match<T> {
  /** How it is counted: the client's own carrier, a public cloud, or the developer's own. */
  readonly kind: 'own' | 'public' | 'developer';
  readonly latency: Latency | undefined;
  /** What decides: the distance, or what the round trip is worth as one; of public clouds with what they must be nearer by. */
  readonly scoreKm: number;
}

/** A round trip takes a millisecond for each of these, in glass. */
const KM_PER_MS = 100;

/**
 * Instances in the order in which a client should be sent to them, at most `count`, as {@link findInstance} chooses the
 * first. With `latencyOf`, reported round trips count in place of distances where there are some. Elsewhere distances do, with
 * what the least of the reported ones has beyond its own distance: where that is known everything takes at least as long.
 */
export function rank<T extends object>(
  choices: Choices<T>,
  carrier: string,
  place: Place,
  count: number,
  latencyOf?: (instance: T) => Latency | undefined,
): Ranked<T>[] {
  const seen = new Set<T>();
  const found: Omit<Ranked<T>, 'scoreKm'>[] = [];
  const take = (kind: Ranked<T>['kind'], operator: string) => {
    for (const match of choices.nearestFew(operator, place, count)) {
      if (seen.has(match.instance)) continue;
      seen.add(match.instance);
      found.push({ ...match, kind, latency: latencyOf?.(match.instance) });
    }
  };
  take('own', carrier);
  for (const cloud of PUBLIC_CLOUDS) take('public', cloud);
  take('developer', DEVELOPER_OPERATOR);
  const base = Math.min(
    ...found.flatMap(({ latency, distance }) => (latency ? [latency.ms - distance / KM_PER_MS] : [])),
  );
  const score = ({ kind, latency, distance }: Omit<Ranked<T>, 'scoreKm'>) =>
    (latency ? latency.ms * KM_PER_MS : distance + (Number.isFinite(base) ? base * KM_PER_MS : 0)) +
    (kind === 'public' ? PUBLIC_CLOUD_PADDING_KM : 0);
  const ranked = found.map((one): Ranked<T> => ({ ...one, scoreKm: score(one) }));
  // The sort is stable: what is as good stays in the order in which carriers are asked, and by name.
  ranked.sort(
    (a, b) => Number(a.kind === 'developer') - Number(b.kind === 'developer') || a.scoreKm - b.scoreKm,
  );
  if (!Number.isFinite(base)) moveToFront(ranked, findInstance(choices, carrier, place)?.instance);
  return ranked.slice(0, count);
}

/** Where rounding decides, it decides as for those who do not ask for more. */
function moveToFront<T>(ranked: Ranked<T>[], first: T | undefined): void {
  const at = ranked.findIndex(({ instance }) => instance === first);
  if (at > 0) ranked.unshift(...ranked.splice(at, 1));
}
