import type { Loc } from '@edgeplane/proto/dme/loc.js';

/** A position with nothing set. */
export const EMPTY_LOC: Loc = {
  latitude: 0,
  longitude: 0,
  horizontalAccuracy: 0,
  verticalAccuracy: 0,
  altitude: 0,
  course: 0,
  speed: 0,
  timestamp: undefined,
};
