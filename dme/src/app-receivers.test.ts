import { silentLogger } from '@edgeplane/base';
import type { PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { appInstReceiver, appReceiver } from './app-receivers.js';
import { APPS, app, appInst, appKey, CLOUDLETS, fixtureTable } from './fixtures.js';

const PEER: PeerInfo = {
  ...{ id: 0n, address: '', wantObjs: [], filterCloudletKey: false, version: 1, cloudlets: new Set() },
};

test('what was not sent again is dropped, also what waits, and others have their turn meanwhile', async () => {
  const table = fixtureTable();
  const [buckhorn] = CLOUDLETS;
  if (!buckhorn) throw new RangeError('no cloudlet');
  const lonely = appKey('no', 'such', 'app');
  table.putInst(appInst(lonely, buckhorn));
  let turns = 0;
  const breathe = async () => {
    turns += 1;
  };
  const apps = appReceiver(table, breathe, silentLogger);
  await apps.onSynced?.(new Set([APPS.untomt, APPS.ever].map((key) => OBJECTS.App.keyJson(key))), PEER);
  assert.is(table.appCount, 2);
  const kept = OBJECTS.AppInst.keyJsonOf(appInst(APPS.untomt, buckhorn));
  await appInstReceiver(table, breathe, silentLogger).onSynced?.(new Set([kept]), PEER);
  assert.is(table.instanceCount, 1);
  assert.equal(
    [...(table.app(APPS.untomt)?.candidates('GDDT') ?? [])].map(({ name }) => name),
    [kept],
  );
  assert.equal(table.app(APPS.ever)?.carriers(), []);
  table.putApp(app(lonely));
  assert.equal(table.app(lonely)?.carriers(), []);
  assert.ok(turns > 10);
});

test.run();
