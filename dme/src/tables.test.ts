import { OBJECTS } from '@edgeplane/objects';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS, app, appInst, CLOUDLETS, fixtureTable } from './fixtures.js';
import { AppTable } from './tables.js';

const [BUCKHORN, SUNNYDALE] = CLOUDLETS as readonly [(typeof CLOUDLETS)[number], (typeof CLOUDLETS)[number]];

function urisOf(table: AppTable, key: Parameters<AppTable['app']>[0], carrier: string): string[] {
  return [...(table.app(key)?.candidates(carrier) ?? [])].map((i) => i.uri).sort();
}

test('adding the same again changes no count', () => {
  const table = fixtureTable();
  assert.is(table.appCount, 5);
  assert.is(table.instanceCount, 25);
  for (const key of Object.values(APPS)) {
    table.putApp(app(key));
    for (const cloudlet of CLOUDLETS) table.putInst(appInst(key, cloudlet));
  }
  assert.is(table.appCount, 5);
  assert.is(table.instanceCount, 25);
  assert.equal(urisOf(table, APPS.untomt, 'GDDT'), ['10.1.10.1', '11.1.11.1', '12.1.12.1']);
});

test('an App update changes its attributes and keeps its instances', () => {
  const table = fixtureTable();
  table.putApp(
    app(APPS.untomt, { authPublicKey: 'pem', permitsPlatformApps: true, androidPackageName: 'a.b' }),
  );
  const entry = table.app(APPS.untomt);
  assert.is(entry?.authPublicKey, 'pem');
  assert.is(entry?.permitsPlatformApps, true);
  assert.is(entry?.androidPackageName, 'a.b');
  assert.is(urisOf(table, APPS.untomt, 'GDDT').length, 3);
});

test('an instance update replaces uri, location and ports', () => {
  const table = fixtureTable();
  table.putInst(appInst(APPS.untomt, { ...BUCKHORN, uri: 'new', latitude: 1 }, { mappedPorts: [] }));
  const [found] = [...(table.app(APPS.untomt)?.candidates('GDDT') ?? [])].filter((i) => i.uri === 'new');
  assert.is(found?.location.latitude, 1);
  assert.equal(found?.ports, []);
  assert.is(table.instanceCount, 25);
});

test('a carrier goes with its last instance, an App with all of its own', () => {
  const table = fixtureTable();
  const name = OBJECTS.AppInst.keyJsonOf(
    appInst(APPS.untomt, { ...BUCKHORN, operator: 'DMUUS', name: 'San Francisco' }),
  );
  table.deleteInst(name);
  assert.not(table.app(APPS.untomt)?.hasCarrier('DMUUS'));
  table.deleteInst(name);
  assert.is(table.instanceCount, 24);
  table.deleteApp(OBJECTS.App.keyJson(APPS.untomt));
  assert.is(table.app(APPS.untomt), undefined);
  assert.is(table.instanceCount, 20);
});

test('an instance that comes before its App waits for it', () => {
  const table = new AppTable();
  table.putInst(appInst(APPS.ever, BUCKHORN));
  table.putInst(appInst(APPS.ever, SUNNYDALE));
  table.deleteInst(OBJECTS.AppInst.keyJsonOf(appInst(APPS.ever, SUNNYDALE)));
  assert.is(table.app(APPS.ever), undefined);
  table.putApp(app(APPS.ever));
  assert.equal(urisOf(table, APPS.ever, 'GDDT'), [BUCKHORN.uri]);
});

test('any order of changes ends in the table that the surviving objects make', () => {
  const keys = [APPS.untomt, APPS.ever];
  const step = fc.record({
    what: fc.constantFrom('putApp', 'deleteApp', 'putInst', 'deleteInst'),
    app: fc.constantFrom(...keys),
    cloudlet: fc.constantFrom(...CLOUDLETS),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new AppTable();
      const apps = new Set<string>();
      const insts = new Map<string, string>();
      for (const { what, app: key, cloudlet } of steps) {
        const appJson = OBJECTS.App.keyJson(key);
        const inst = appInst(key, cloudlet);
        const name = OBJECTS.AppInst.keyJsonOf(inst);
        if (what === 'putApp') {
          table.putApp(app(key));
          apps.add(appJson);
        } else if (what === 'deleteApp') {
          table.deleteApp(appJson);
          apps.delete(appJson);
          for (const [n, of] of insts) if (of === appJson) insts.delete(n);
        } else if (what === 'putInst') {
          table.putInst(inst);
          insts.set(name, appJson);
        } else {
          table.deleteInst(name);
          insts.delete(name);
        }
      }
      assert.is(table.instanceCount, insts.size);
      for (const key of keys) {
        const appJson = OBJECTS.App.keyJson(key);
        const entry = table.app(key);
        assert.is(entry !== undefined, apps.has(appJson));
        if (!entry) continue;
        const names = entry.carriers().flatMap((c) => [...entry.candidates(c)].map((i) => i.name));
        assert.equal(
          names.sort(),
          [...insts]
            .filter(([, of]) => of === appJson)
            .map(([n]) => n)
            .sort(),
        );
      }
    }),
  );
});

test.run();
