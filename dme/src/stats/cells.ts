import type { Place } from '../geo.js';

/**
 * Cells of about 100 km by 100 km: bands of one degree of latitude, each divided into as many equal parts as keep them about
 * as wide as high. A cell has a number; a place on Earth is in exactly one.
 */
const BANDS = 180;
const MOST_PER_BAND = 360;
const PARTS: readonly number[] = Array.from({ length: BANDS }, (_, band) =>
  Math.max(1, Math.round(MOST_PER_BAND * Math.cos(((band - 89.5) * Math.PI) / 180))),
);

export function cellOf({ latitude, longitude }: Place): number {
  const band = Math.min(BANDS - 1, Math.max(0, Math.floor(latitude + 90)));
  const parts = partsOf(band);
  const part = Math.min(parts - 1, Math.max(0, Math.floor(((longitude + 180) / 360) * parts)));
  return band * MOST_PER_BAND + part;
}

/** The middle of a cell, in hundredths of a degree. */
export function middleOf(cell: number): Place {
  const band = Math.floor(cell / MOST_PER_BAND);
  const width = 360 / partsOf(band);
  const longitude = ((cell % MOST_PER_BAND) + 0.5) * width - 180;
  return { latitude: band - 89.5, longitude: Math.round(longitude * 100) / 100 };
}

function partsOf(band: number): number {
  return PARTS[band] ?? 1;
}
