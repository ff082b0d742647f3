import type { Place } from '@edgeplane/dme';

type Ring = readonly (readonly [number, number])[];

/** Borders of countries, from GeoJSON. */
export interface Countries {
  /** Code of the country that a place is in; undefined at sea. */
  at(place: Place): string | undefined;
}

interface Feature {
  readonly properties?: Readonly<Record<string, unknown>> | null;
  readonly geometry?: { readonly type: string; readonly coordinates: unknown } | null;
}

/** Members of a feature that may hold the code of its country, ISO 3166-1 alpha-2. */
const CODES = ['ISO_A2', 'iso_a2', 'iso_code', 'country'];

/**
 * Reads a FeatureCollection of Polygons and MultiPolygons, each with its country's code among its properties.
 * @throws Error when the text is no such thing
 */
export function readCountries(text: string): Countries {
  const { features } = JSON.parse(text) as { readonly features?: readonly Feature[] };
  if (!Array.isArray(features)) throw new Error('must be a GeoJSON FeatureCollection');
  const polygons = (features as readonly Feature[]).flatMap(({ properties, geometry }) => {
    const code = CODES.map((name) => properties?.[name]).find((value) => typeof value === 'string');
    if (typeof code !== 'string' || !geometry) return [];
    const shapes = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
    return (shapes as readonly (readonly Ring[])[]).map((rings) => ({ code, rings }));
  });
  return { at: (place) => polygons.find(({ rings }) => inside(rings, place))?.code };
}

/** Inside of the first ring and of none of the holes: a ray from the place crosses the borders an odd number of times. */
function inside(rings: readonly Ring[], { latitude, longitude }: Place): boolean {
  let odd = false;
  for (const ring of rings)
    for (const [i, [x1, y1]] of ring.entries()) {
      const [x2, y2] = ring[(i + 1) % ring.length] ?? [x1, y1];
      if (y1 > latitude !== y2 > latitude && longitude < ((x2 - x1) * (latitude - y1)) / (y2 - y1) + x1)
        odd = !odd;
    }
  return odd;
}
