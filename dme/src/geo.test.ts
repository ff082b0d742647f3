import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { atan, cos, sin } from './cephes.js';
import { chordSquared, distanceKm, isOnEarth, unitVector } from './geo.js';

/** Match engine spec section 17.4: from (36, -96) to (1, n). */
const DISTANCES = [
  10570.971178689932, 10660.554090416144, 10750.046797594014, 10839.439254501909, 10928.721277244626,
  11017.882528196287, 11106.912500109207, 11195.800499853392, 11284.535631750952, 11373.10678046936,
];

test('distances equal the recorded ones to the last bit', () => {
  const from = { latitude: 36, longitude: -96 };
  DISTANCES.forEach((expected, i) => {
    assert.is(distanceKm(from, { latitude: 1, longitude: i + 1 }), expected);
  });
});

test('sine, cosine and arc tangent agree with the platform within rounding', () => {
  const near = (a: number, b: number) => Math.abs(a - b) <= 4e-16 * Math.max(1, Math.abs(b));
  fc.assert(
    fc.property(fc.double({ min: -20, max: 20, noNaN: true }), (x) => {
      return near(sin(x), Math.sin(x)) && near(cos(x), Math.cos(x));
    }),
  );
  fc.assert(fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (x) => near(atan(x), Math.atan(x))));
  assert.ok(Number.isNaN(sin(Number.NaN)));
  assert.ok(Number.isNaN(cos(Number.POSITIVE_INFINITY)));
  assert.is(atan(Number.POSITIVE_INFINITY), Math.PI / 2);
});

test('a place is at no distance from itself, and half the equator from its antipode', () => {
  const half = Math.PI * 6371;
  assert.is(distanceKm({ latitude: 50, longitude: 7 }, { latitude: 50, longitude: 7 }), 0);
  for (const [latitude, longitude] of [
    [0, 0],
    [90, 0],
    [37, 122],
    [-12.5, 3.25],
  ] as const) {
    const km = distanceKm({ latitude, longitude }, { latitude: -latitude, longitude: longitude - 180 });
    assert.ok(Math.abs(km - half) < 1e-3, `${latitude},${longitude}: ${km}`);
  }
});

const degrees = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
const place = fc.record({ latitude: degrees(90), longitude: degrees(180) });

test('distance is symmetric, and grows with the chord', () => {
  fc.assert(
    fc.property(place, place, place, (a, b, c) => {
      assert.ok(Math.abs(distanceKm(a, b) - distanceKm(b, a)) < 1e-6);
      const chordB = chordSquared(unitVector(a), unitVector(b));
      const chordC = chordSquared(unitVector(a), unitVector(c));
      if (chordB + 1e-12 < chordC) assert.ok(distanceKm(a, b) < distanceKm(a, c));
    }),
  );
});

test('a coordinate out of range or not a number is not on earth', () => {
  assert.ok(isOnEarth({ latitude: -90, longitude: 180 }));
  for (const [latitude, longitude] of [
    [90.1, 0],
    [0, -180.1],
    [Number.NaN, 0],
    [0, Number.POSITIVE_INFINITY],
  ] as const)
    assert.not(isOnEarth({ latitude, longitude }));
});

test.run();
