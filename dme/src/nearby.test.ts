import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { distanceKm, type Place, unitVector } from './geo.js';
import { type Located, type Match, Nearby } from './nearby.js';

const HERE = { latitude: 50, longitude: 10 };

function located(name: string, { latitude, longitude }: Place): Located {
  return { name, site: { latitude, longitude, at: unitVector({ latitude, longitude }) } };
}

/** The same by looking at everything. */
function scan(all: Iterable<Located>, place: Place): Match<Located>[] {
  return [...all]
    .map((instance) => ({ instance, distance: distanceKm(place, instance.site) }))
    .sort((a, b) => a.distance - b.distance || (a.instance.name < b.instance.name ? -1 : 1));
}

test('a tie goes to the first name, in whatever order they come', () => {
  for (const names of ['bac', 'cab', 'abc']) {
    const nearby = new Nearby<Located>();
    for (const name of names) nearby.add(located(name, { latitude: 51, longitude: 10 }));
    assert.is(nearby.nearest(HERE)?.instance.name, 'a');
    assert.equal(
      nearby.nearestFew(HERE, 2).map(({ instance }) => instance.name),
      ['a', 'b'],
    );
  }
});

test('nothing is near where there is nothing', () => {
  const nearby = new Nearby<Located>();
  assert.is(nearby.nearest(HERE), undefined);
  assert.equal(nearby.nearestFew(HERE, 3), []);
  const only = located('a', HERE);
  nearby.add(only);
  assert.not(nearby.remove(located('a', HERE)), 'another of the same name');
  assert.ok(nearby.remove(only));
  assert.not(nearby.remove(only));
  assert.is(nearby.size, 0);
  assert.is(nearby.nearest(HERE), undefined);
});

const degrees = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
const steps = (limit: number, step: number) => {
  const most = Math.round(limit / step);
  return fc.integer({ min: -most, max: most }).map((n) => n * step);
};
/** Places that are anywhere; or on a coarse grid and so often the same or equally far away; or at the edges of maps. */
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ latitude: degrees(90), longitude: degrees(180) }),
  fc.record({ latitude: steps(90, 30), longitude: steps(180, 45) }),
  fc.record({ latitude: steps(2, 1), longitude: steps(2, 1) }),
  fc.record({ latitude: fc.constantFrom(90, -90, 89.9999999, -89.9999999), longitude: steps(180, 60) }),
  fc.record({ latitude: steps(90, 15), longitude: fc.constantFrom(180, -180, 179.9999999, -179.9999999) }),
  // A few centimetres apart, and less than doubles can tell.
  fc.record({ latitude: steps(3e-7, 1e-7), longitude: steps(3e-7, 1e-7) }),
  fc.record({ latitude: steps(3e-15, 1e-15), longitude: fc.constantFrom(0, 1e-300) }),
);

type Step =
  | { readonly do: 'add' | 'ask'; readonly at: Place }
  | { readonly do: 'remove'; readonly which: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), at: place }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat(1000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('ask' as const), at: place }) },
);

test('what is found is what a look at everything finds, while things come and go', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (all) => {
      const nearby = new Nearby<Located>();
      const held: Located[] = [];
      for (const [number, s] of all.entries()) {
        if (s.do === 'add') {
          // Names in no order.
          const one = located(`${(number * 7919) % 1000}`, s.at);
          nearby.add(one);
          held.push(one);
        } else if (s.do === 'remove') {
          const [one] = held.splice(s.which % Math.max(held.length, 1), 1);
          if (one) assert.ok(nearby.remove(one));
        } else {
          const sorted = scan(held, s.at);
          assert.equal(nearby.nearest(s.at), sorted[0]);
          assert.equal(nearby.nearestFew(s.at, 5), sorted.slice(0, 5));
        }
      }
      assert.is(nearby.size, held.length);
      assert.equal(new Set(nearby), new Set(held));
    }),
    { numRuns: 300 },
  );
});

test('a crowd is found as well, also after most of it has gone', () => {
  const nearby = new Nearby<Located>();
  const held: Located[] = [];
  const random = fc.sample(place, { numRuns: 3000, seed: 1 });
  for (const [i, at] of random.entries()) {
    const one = located(`n${i}`, at);
    nearby.add(one);
    held.push(one);
  }
  const ask = fc.sample(place, { numRuns: 50, seed: 2 });
  for (const left of [3000, 300, 10, 1]) {
    while (held.length > left) {
      const [one] = held.splice(Math.floor(held.length / 3), 1);
      if (one) assert.ok(nearby.remove(one));
    }
    for (const at of ask) {
      const sorted = scan(held, at);
      assert.equal(nearby.nearest(at), sorted[0]);
      assert.equal(nearby.nearestFew(at, 20), sorted.slice(0, 20));
    }
  }
});

test.run();
