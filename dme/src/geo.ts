import { atan, cos, sin } from './cephes.js';

/** A place: degrees, north and east positive. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** A point on the unit sphere, for comparing distances without trigonometry. */
export type UnitVector = readonly [x: number, y: number, z: number];

const EARTH_RADIUS_KM = 6371;

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/**
 * Great-circle distance in km on a sphere of radius 6371 km (match engine spec section 4.2). NaN when a coordinate is
 * not a finite number.
 */
export function distanceKm(from: Place, to: Place): number {
  const sinLat = sin(radians(to.latitude - from.latitude) / 2);
  const sinLon = sin(radians(to.longitude - from.longitude) / 2);
  const a = sinLat * sinLat + sinLon * sinLon * cos(radians(from.latitude)) * cos(radians(to.latitude));
  // Rounding may carry antipodes beyond 1.
  const rest = Math.max(1 - a, 0);
  return EARTH_RADIUS_KM * 2 * atan(Math.sqrt(a) / Math.sqrt(rest));
}

/** True when both coordinates are in range: latitude within 90 degrees, longitude within 180. */
export function isOnEarth({ latitude, longitude }: Place): boolean {
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
}

export function unitVector({ latitude, longitude }: Place): UnitVector {
  const lat = radians(latitude);
  const lon = radians(longitude);
  const flat = Math.cos(lat);
  return [flat * Math.cos(lon), flat * Math.sin(lon), Math.sin(lat)];
}

/** Square of the straight line between two points; grows with the great-circle distance. */
export function chordSquared(a: UnitVector, b: UnitVector): number {
  const x = a[0] - b[0];
  const y = a[1] - b[1];
  const z = a[2] - b[2];
  return x * x + y * y + z * z;
}
