import { OBJECTS } from '@edgeplane/objects';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS, appInst, CLOUDLETS, fixtureTable } from './fixtures.js';
import { distanceKm, type Place, unitVector } from './geo.js';
import { type Carriers, findInstance } from './matcher.js';
import { type Located, type Match, Nearby } from './nearby.js';

/** Match engine spec section 17.2. */
const FIND: readonly (readonly [AppKey, string, number, number, string])[] = [
  [APPS.untomt, 'GDDT', 50.65, 6.341, '12.1.12.1'],
  [APPS.untomt, 'GDDT', 51.65, 9.341, '11.1.11.1'],
  [APPS.untomt, 'ATT', 52.65, 10.341, '15.1.15.1'],
  [APPS.untomt, 'GDDT', 50.75, 7.905, '12.1.12.1'],
  [APPS.pillimo, 'GDDT', 52.75, 12.905, '11.1.11.1'],
  [APPS.harry, 'GDDT', 50.75, 11.905, '11.1.11.1'],
  [APPS.ever, 'DMUUS', 47.75, 122.905, '13.1.13.1'],
];

for (const [key, carrier, latitude, longitude, fqdn] of FIND) {
  test(`${key.name} for ${carrier} at ${latitude}, ${longitude} is ${fqdn}`, () => {
    const table = fixtureTable();
    const [buckhorn] = CLOUDLETS;
    if (buckhorn) table.deleteInst(OBJECTS.AppInst.keyJsonOf(appInst(APPS.untomt, buckhorn)));
    const entry = table.app(key);
    assert.ok(entry);
    if (entry) assert.is(findInstance(entry, carrier, { latitude, longitude })?.instance.uri, fqdn);
  });
}

function candidate(name: string, latitude: number, longitude: number): Located {
  return { name, site: { latitude, longitude, at: unitVector({ latitude, longitude }) } };
}

function carriers(of: Readonly<Record<string, readonly Located[]>>): Carriers<Located> {
  const byCarrier = new Map(Object.entries(of).map(([carrier, list]) => [carrier, nearby(list)]));
  return { nearest: (carrier, place) => byCarrier.get(carrier)?.nearest(place) };
}

function nearby(list: readonly Located[]): Nearby<Located> {
  const all = new Nearby<Located>();
  for (const located of list) all.add(located);
  return all;
}

const HERE = { latitude: 50, longitude: 10 };

test('a public cloud must be more than 100 km nearer; gcp beats azure by being nearer at all', () => {
  const far = candidate('own', 53, 10); // 333 km
  const own = { GDDT: [far] };
  const named = (of: Record<string, readonly Located[]>) =>
    findInstance(carriers(of), 'GDDT', HERE)?.instance.name;
  assert.is(named({ ...own, azure: [candidate('azure', 52.2, 10)] }), 'own');
  assert.is(named({ ...own, azure: [candidate('azure', 52, 10)] }), 'azure');
  assert.is(named({ ...own, gcp: [candidate('gcp', 52, 10)] }), 'gcp');
  const both = { azure: [candidate('azure', 51, 10)], gcp: [candidate('gcp', 50.9, 10)] };
  assert.is(named({ ...own, ...both }), 'gcp');
  assert.is(named({ ...own, azure: [candidate('azure', 51, 10)], gcp: [candidate('gcp', 51, 10)] }), 'azure');
  assert.is(named({ GDDT: [candidate('own', 50.8, 10)], azure: [candidate('azure', 50, 10)] }), 'own');
  assert.is(named({ azure: [candidate('azure', -50, -170)] }), 'azure');
});

test('the default instance is only for those who get no other, and nobody may be found', () => {
  const developer = [candidate('default', 0, 0)];
  assert.is(findInstance(carriers({ developer }), 'GDDT', HERE)?.instance.name, 'default');
  const gcp = [candidate('gcp', -50, -170)];
  assert.is(findInstance(carriers({ developer, gcp }), 'GDDT', HERE)?.instance.name, 'gcp');
  assert.is(findInstance(carriers({}), 'GDDT', HERE), undefined);
});

/** The same by the words of the specification: look at every instance, keep the nearest below the limit. */
function scan(all: readonly Located[], place: Place, limitKm: number): Match<Located> | undefined {
  let best: Match<Located> | undefined;
  for (const instance of [...all].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const distance = distanceKm(place, instance.site);
    if (distance < (best?.distance ?? limitKm)) best = { instance, distance };
  }
  return best;
}

function scanAll(
  of: Readonly<Record<string, readonly Located[]>>,
  carrier: string,
  place: Place,
): Match<Located> | undefined {
  const list = (name: string) => of[name] ?? [];
  let found = scan(list(carrier), place, 100_000);
  const best = found?.distance ?? 100_000;
  if (best > 100) {
    const padded = best === 100_000 ? best : best - 100;
    const azure = scan(list('azure'), place, padded);
    found = azure ?? found;
    found = scan(list('gcp'), place, Math.min(azure?.distance ?? padded, padded)) ?? found;
  }
  return found ?? scan(list('developer'), place, 100_000);
}

const grid = fc.integer({ min: -4, max: 4 });
const anywhere = (limit: number) => fc.double({ min: -limit, max: limit, noNaN: true });
const place = fc.oneof(
  fc.record({ latitude: anywhere(90), longitude: anywhere(180) }),
  // Places on a small grid are often equally far away, or the same.
  fc.record({ latitude: grid, longitude: grid }),
  fc.constantFrom(
    { latitude: 90, longitude: 0 },
    { latitude: -90, longitude: 7 },
    { latitude: 0, longitude: 180 },
  ),
);
const places = fc.array(place, { maxLength: 12 });

test('the matcher finds what a scan of everything finds', () => {
  fc.assert(
    fc.property(
      fc.record({ own: places, azure: places, gcp: places, developer: places }, { requiredKeys: [] }),
      place,
      (by, at) => {
        const of = Object.fromEntries(
          Object.entries(by).map(([carrier, list]) => [
            carrier,
            list.map((p, i) => candidate(`${carrier}${i}`, p.latitude, p.longitude)),
          ]),
        );
        for (const carrier of ['own', 'azure', 'nobody'])
          assert.equal(findInstance(carriers(of), carrier, at), scanAll(of, carrier, at));
      },
    ),
    { numRuns: 300 },
  );
});

test.run();
