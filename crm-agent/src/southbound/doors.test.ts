import { statSync } from 'node:fs';
import {
  PodServiceClient,
  PodServiceStartRequest,
} from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { callUnary, connect, type RpcServer } from '@edgeplane/rpc';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Door, DoorContext, DoorName } from './door.js';
import { openDoors } from './doors.js';
import type { DoorSettings } from './settings.js';
import { OPEN_ACCESS, testDoorContext } from './testing.js';
import { rejects } from './testing-callers.js';

const settings = (name: DoorName): DoorSettings => ({
  ...{ name, listeners: [{ address: '127.0.0.1:0' }], httpAddr: '', healthAddr: '', access: OPEN_ACCESS },
});

/** Doors without services that tell what they are asked to do. */
function tellingDoors(failing?: DoorName) {
  const told: string[] = [];
  const folders: string[] = [];
  const make = (name: DoorName, { stateDir }: DoorContext): Door => {
    return {
      name,
      async start() {
        told.push(`start ${name}`);
        folders.push(stateDir);
        assert.is(statSync(stateDir).mode & 0o777, 0o700);
        if (name === failing) throw new Error(`${name} cannot start`);
      },
      addServices: (_server: RpcServer) => void told.push(`serve ${name}`),
      stop: async (workloads) => void told.push(`${workloads} ${name}`),
    };
  };
  return { told, folders, make };
}

const START = PodServiceStartRequest.create();
const never = new AbortController().signal;

test('doors open with a folder each, and let go when they are closed', async () => {
  const context = testDoorContext();
  const { told, folders, make } = tellingDoors();
  const opened = await openDoors([settings('aurae'), settings('virtrigaud')], context, make, never);
  assert.equal(Object.keys(opened.addresses), ['aurae', 'virtrigaud']);
  assert.equal(folders.sort(), [`${context.stateDir}/aurae`, `${context.stateDir}/virtrigaud`]);
  assert.ok(told.indexOf('start aurae') < told.indexOf('serve aurae'));
  const client = connect(PodServiceClient, opened.addresses['aurae'] ?? '');
  const call = () => callUnary(client, 'start', START, { deadlineMs: 20_000 }).then(() => 'done', String);
  assert.match(await call(), /unknown service/);
  await opened.stop('stop');
  assert.equal(told.slice(4).sort(), ['stop aurae', 'stop virtrigaud']);
  assert.match(await call(), /ECONNREFUSED/);
  client.close();
  await opened.stop('stop');
  context.remove();
});

test('one that cannot be opened closes the others, whose workloads run on', async () => {
  const context = testDoorContext();
  const { told, make } = tellingDoors('flintlock');
  const names = ['aurae', 'flintlock'] as const;
  await rejects(openDoors(names.map(settings), context, make, never), /flintlock cannot start/);
  assert.equal(told.sort(), [
    'keep aurae',
    'keep flintlock',
    'serve aurae',
    'start aurae',
    'start flintlock',
  ]);
  context.remove();
});

test.run();
