import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Place, unitVector } from './geo.js';
import { findInstance } from './matcher.js';
import { type Located, Nearby } from './nearby.js';
import { type Choices, type Latency, rank } from './ranking.js';

const HERE = { latitude: 50, longitude: 10 };

function located(name: string, { latitude, longitude }: Place): Located {
  return { name, site: { latitude, longitude, at: unitVector({ latitude, longitude }) } };
}

function choices(of: Readonly<Record<string, readonly Place[]>>): Choices<Located> {
  const byCarrier = new Map<string, Nearby<Located>>();
  for (const [carrier, places] of Object.entries(of)) {
    const all = new Nearby<Located>();
    for (const [i, place] of places.entries()) all.add(located(`${carrier}${i}`, place));
    byCarrier.set(carrier, all);
  }
  return {
    nearest: (carrier, place) => byCarrier.get(carrier)?.nearest(place),
    nearestFew: (carrier, place, count) => byCarrier.get(carrier)?.nearestFew(place, count) ?? [],
  };
}

const north = (degrees: number): Place => ({ latitude: 50 + degrees, longitude: 10 });
const names = (ranked: readonly { readonly instance: Located }[]) =>
  ranked.map(({ instance }) => instance.name);

test("public clouds are counted 100 km farther, and the developer's own comes last", () => {
  const all = choices({
    own: [north(1), north(4)],
    azure: [north(0.2)],
    gcp: [north(2)],
    developer: [north(0.1)],
  });
  assert.equal(names(rank(all, 'own', HERE, 10)), ['own0', 'azure0', 'gcp0', 'own1', 'developer0']);
  assert.equal(names(rank(all, 'own', HERE, 2)), ['own0', 'azure0']);
  assert.equal(names(rank(all, 'other', HERE, 2)), ['azure0', 'gcp0']);
  assert.equal(names(rank(all, 'azure', HERE, 10)), ['azure0', 'gcp0', 'developer0']);
});

const grid = fc.integer({ min: -4, max: 4 });
const place = fc.oneof(
  fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  }),
  fc.record({ latitude: grid, longitude: grid }),
);

test('the first is the one that FindCloudlet names, whoever asks', () => {
  const places = fc.array(place, { maxLength: 8 });
  const worlds = fc.record({ own: places, azure: places, gcp: places, developer: places });
  fc.assert(
    fc.property(worlds, place, fc.integer({ min: 1, max: 9 }), (by, at, count) => {
      const all = choices(by);
      for (const carrier of ['own', 'azure', 'developer', 'nobody']) {
        const ranked = rank(all, carrier, at, count);
        assert.is(ranked[0]?.instance, findInstance(all, carrier, at)?.instance);
        assert.is(new Set(names(ranked)).size, ranked.length);
        assert.ok(ranked.length <= count);
      }
    }),
    { numRuns: 300 },
  );
});

test('reported round trips count in place of distances, and what has none is not better for that', () => {
  const all = choices({ own: [north(1), north(2), north(3)] });
  const reported: Record<string, Latency> = {
    own0: { ms: 30, reports: 3 },
    own1: { ms: 12, reports: 3 },
  };
  const ranked = rank(all, 'own', HERE, 10, ({ name }) => reported[name]);
  // The third is farther than the second, of which nothing but the way is known to take time.
  assert.equal(names(ranked), ['own1', 'own2', 'own0']);
  assert.equal(names(rank(all, 'own', HERE, 10, () => undefined)), ['own0', 'own1', 'own2']);
});

test.run();
