import { chordSquared, distanceKm, type Place, type UnitVector, unitVector } from './geo.js';
import { DEVELOPER_OPERATOR, PUBLIC_CLOUDS } from './reserved.js';

/** What the matcher needs to know of an instance. */
export interface Candidate {
  /** Breaks ties: of two instances equally far away, the one whose name sorts first is chosen. */
  readonly name: string;
  readonly location: Place;
  /** {@link unitVector} of the location. */
  readonly at: UnitVector;
}

/** Instances of one App by carrier (operator name). */
export interface Carriers<C extends Candidate> {
  candidates(carrier: string): Iterable<C>;
}

export interface Match<C> {
  readonly instance: C;
  /** Great-circle distance, km. */
  readonly distance: number;
}

/** Farther than anything on earth, km. */
const UNLIMITED_KM = 100_000;
/** How much nearer a public cloud must be than the client's own carrier, km. */
const PUBLIC_CLOUD_PADDING_KM = 100;
/** Beyond the rounding of chords: two places whose chords differ by more keep their order by distance. */
const CHORD_TOLERANCE = 1e-12;

/**
 * The nearest of the candidates that is less than `limitKm` away; of several equally near, the first by name.
 * Chords decide, and exact distances only among those that rounding could confuse.
 */
export function nearest<C extends Candidate>(
  candidates: Iterable<C>,
  place: Place,
  limitKm: number = UNLIMITED_KM,
): Match<C> | undefined {
  const from = unitVector(place);
  let smallest = Number.POSITIVE_INFINITY;
  let close: { instance: C; chord: number }[] = [];
  for (const instance of candidates) {
    const chord = chordSquared(from, instance.at);
    if (!(chord <= smallest + CHORD_TOLERANCE)) continue;
    if (chord < smallest - CHORD_TOLERANCE) close = [];
    if (chord < smallest) smallest = chord;
    close.push({ instance, chord });
  }
  let best: Match<C> | undefined;
  for (const { instance, chord } of close) {
    if (chord > smallest + CHORD_TOLERANCE) continue;
    const distance = distanceKm(place, instance.location);
    if (!(distance < limitKm)) continue;
    if (
      !best ||
      distance < best.distance ||
      (distance === best.distance && instance.name < best.instance.name)
    )
      best = { instance, distance };
  }
  return best;
}

/**
 * Where a client is sent (match engine spec section 4.2, steps 5 to 7): to the nearest instance of its carrier; to a
 * public cloud only when that is more than 100 km nearer; to the developer's own instance when there is no other.
 */
export function findInstance<C extends Candidate>(
  carriers: Carriers<C>,
  carrier: string,
  place: Place,
): Match<C> | undefined {
  let found = nearest(carriers.candidates(carrier), place);
  const best = found?.distance ?? UNLIMITED_KM;
  if (best > PUBLIC_CLOUD_PADDING_KM) {
    let limit = found ? best - PUBLIC_CLOUD_PADDING_KM : UNLIMITED_KM;
    for (const cloud of PUBLIC_CLOUDS) {
      const nearer = nearest(carriers.candidates(cloud), place, limit);
      if (!nearer) continue;
      found = nearer;
      limit = nearer.distance;
    }
  }
  return found ?? nearest(carriers.candidates(DEVELOPER_OPERATOR), place);
}
