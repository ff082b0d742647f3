import { OBJECTS } from '@edgeplane/objects';
import type { AppInstInfo } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletInfo } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Speakers } from './speakers.js';
import { appInstKey, make } from './testing.js';
import type { PeerInfo, Receiver } from './types.js';

const peer = (id: number, since: number): PeerInfo => ({
  ...{ id: BigInt(id), since, address: '', wantObjs: [], filterCloudletKey: true, version: 2 },
  cloudlets: new Set(),
});

/** Receivers behind the gate, and what came through: type, sort of call and peer. */
function gate() {
  const heard: string[] = [];
  const speakers = new Speakers();
  const of = <T, K>(type: Receiver<T, K>['type']): Receiver<T, K> =>
    speakers.of({
      type,
      onUpdate: (_object, { id }) => void heard.push(`${type.name} ${id}`),
      onDelete: (_key, _keyJson, { id }) => void heard.push(`no ${type.name} ${id}`),
    });
  const infos = of<CloudletInfo, unknown>(OBJECTS.CloudletInfo as never);
  const insts = of<AppInstInfo, unknown>(OBJECTS.AppInstInfo as never);
  return {
    take: () => heard.splice(0).join(', '),
    claim: (from: PeerInfo) => infos.onUpdate(make.cloudletInfo('x'), from),
    report: (from: PeerInfo) => insts.onUpdate(OBJECTS.AppInstInfo.withKey(appInstKey('a', 'x')), from),
    withdraw: (from: PeerInfo) =>
      insts.onDelete(appInstKey('a', 'x'), OBJECTS.AppInst.keyJson(appInstKey('a', 'x')), from),
    leave: (from: PeerInfo) => infos.onDisconnect?.(from),
  };
}

test('a report of a session that its agent has left counts no more, whichever connection is the older', async () => {
  const { take, claim, report, withdraw, leave } = gate();
  const [old, young] = [peer(9, 100), peer(3, 200)];
  claim(old);
  report(old);
  claim(young);
  assert.is(take(), 'CloudletInfo 9, AppInstInfo 9, CloudletInfo 3');
  claim(old);
  report(old);
  withdraw(old);
  assert.is(take(), '', 'it comes by a longer way');
  await leave(old);
  report(young);
  assert.is(take(), 'AppInstInfo 3');
  await leave(young);
  report(old);
  assert.is(take(), 'AppInstInfo 9', 'with nobody else there, anyone is heard');
});

test('what came under a newer session is heard when that ends first, but not from one that was heard before', async () => {
  const { take, claim, report, leave } = gate();
  const [first, newest, late] = [peer(1, 100), peer(2, 300), peer(3, 200)];
  claim(first);
  claim(newest);
  take();
  claim(late);
  report(late);
  report(first);
  assert.is(take(), '');
  await leave(newest);
  assert.is(take(), 'CloudletInfo 3, AppInstInfo 3');
});

test('that something is gone, which is told once, is heard from a session that has its turn later', async () => {
  const { take, claim, report, withdraw, leave } = gate();
  const [newest, late] = [peer(2, 300), peer(3, 200)];
  claim(newest);
  claim(late);
  report(late);
  withdraw(late);
  assert.is(take(), 'CloudletInfo 2');
  await leave(newest);
  assert.is(take(), 'CloudletInfo 3, no AppInstInfo 3');
});

test.run();
