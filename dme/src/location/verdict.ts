import { VerifyLocationReply_GPSLocationStatus as GpsStatus } from '@edgeplane/proto/dme/app-client.js';

/** What is said of a claimed position. */
export interface Verdict {
  readonly status: GpsStatus;
  /** Radius within which it is verified; -1 when it is not. */
  readonly km: number;
}

const NOT_VERIFIED_KM = -1;

/** By result code, which the location API answers with, too (match engine spec section 4.3). */
const VERDICTS: readonly Verdict[] = [
  unverified(GpsStatus.LOC_UNKNOWN),
  { status: GpsStatus.LOC_VERIFIED, km: 2 },
  { status: GpsStatus.LOC_VERIFIED, km: 10 },
  { status: GpsStatus.LOC_VERIFIED, km: 100 },
  unverified(GpsStatus.LOC_MISMATCH_SAME_COUNTRY),
  unverified(GpsStatus.LOC_MISMATCH_OTHER_COUNTRY),
  unverified(GpsStatus.LOC_ROAMING_COUNTRY_MATCH),
  unverified(GpsStatus.LOC_ROAMING_COUNTRY_MISMATCH),
];

export function unverified(status: GpsStatus): Verdict {
  return { status, km: NOT_VERIFIED_KM };
}

/** What a result code means; of one that is unknown, nothing. */
export function verdictOf(code: number): Verdict {
  return VERDICTS[code] ?? unverified(GpsStatus.LOC_UNKNOWN);
}

/** Result code of a distance in km; undefined counts as far. */
export function distanceCode(km: number | undefined): number {
  if (km === undefined) return 4;
  if (km < 2) return 1;
  if (km < 10) return 2;
  return km < 100 ? 3 : 4;
}
