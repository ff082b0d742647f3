// test: timeout=120s
/** The door over real gRPC and HTTP, with pretended machines. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeplaneError, fail, type StatusName } from '@edgeplane/base';
import { MicroVMClient as OldClient } from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import { MicroVMClient as CurrentClient } from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import {
  type MicroVM,
  MicroVMStatus_MicroVMState as State,
} from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { callStream, callUnary, connect } from '@edgeplane/rpc';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestDoor, testDoorContext } from '../testing.js';
import { isUlid } from '../ulids.js';
import { FLINTLOCK_DEFAULTS, FlintlockDoor, type FlintlockParts, type FlintlockSettings } from './index.js';
import { REQUEST_LABEL } from './microvms.js';
import { currentSpec, FileMachines, FolderImages, oldSpec } from './testing.js';

interface Opened {
  readonly context: ReturnType<typeof testDoorContext>;
  readonly machines: FileMachines;
  readonly images: FolderImages;
  readonly now: CurrentClient;
  readonly then: OldClient;
  readonly http: string;
  /** Tells what a machine waits for. */
  readonly trouble: (uid: string, text?: string) => void;
  readonly stop: () => Promise<void>;
}

const test = suite('flintlock door');
let c: Opened;

const DISK_FULL = {
  code: 'FULL',
  status: 'RESOURCE_EXHAUSTED',
  template: 'no space left',
  retryable: true,
} as const;

const SETTINGS: FlintlockSettings = {
  ...FLINTLOCK_DEFAULTS,
  maxRetries: 3,
  backoff: { base: 2, max: 10 },
  graceMs: 7,
};

async function open(
  context = testDoorContext(),
  images = new FolderImages(),
  parts: FlintlockParts = {},
): Promise<Opened> {
  const machines = new FileMachines(join(context.stateDir, 'pretended'));
  const readRoom = async () => ({ memoryMb: 200 * 1024, diskMb: 1000 });
  const door = new FlintlockDoor(context, SETTINGS, { machines, images, readRoom, ...parts });
  const opened = await openTestDoor(door, context, {
    listeners: ['current', '2021'].map((dialect) => ({ address: '127.0.0.1:0', dialect })),
    httpAddr: '127.0.0.1:0',
  });
  const { addresses } = opened;
  const now = connect(CurrentClient, addresses['flintlock current'] ?? '');
  const then = connect(OldClient, addresses['flintlock 2021'] ?? '');
  return {
    ...{
      trouble: door.trouble.bind(door),
      context,
      machines,
      images,
      now,
      then,
      http: `http://${addresses['flintlock http']}`,
    },
    async stop() {
      now.close();
      then.close();
      await opened.stop('keep');
    },
  };
}

test.before.each(async () => {
  c = await open();
});
test.after.each(async () => {
  await c.stop();
  c.context.remove();
  c.images.remove();
});

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const create = async (over = {}): Promise<MicroVM> => {
  const { microvm } = await callUnary(c.now, 'createMicroVm', { microvm: currentSpec(over), metadata: {} });
  assert.ok(microvm?.status && microvm.spec);
  return microvm;
};
const get = async (uid: string): Promise<MicroVM> => {
  const { microvm } = await callUnary(c.now, 'getMicroVm', { uid });
  assert.ok(microvm?.status && microvm.spec);
  return microvm;
};
const inState = (uid: string, state: number, client = get) =>
  until(`${uid} is in state ${state}`, async () => {
    const vm = await client(uid);
    return vm.status?.state === state ? vm : undefined;
  });
const list = async (namespace = '', name?: string) =>
  (await callUnary(c.now, 'listMicroVMs', { namespace, ...(name !== undefined && { name }) })).microvm;
const gone = (uid: string) =>
  until(`${uid} is gone`, async () => ((await list()).some((vm) => vm.spec?.uid === uid) ? undefined : true));

async function refused(work: Promise<unknown>, status: StatusName, words: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, EdgeplaneError);
  const { message, status: is } = error as EdgeplaneError;
  assert.equal([is, message.includes(words)], [status, true], message);
}

test('a microVM of the current dialect: pending, created, listed, deleted, not found', async () => {
  const made = await create({ labels: { env: 'lab' } });
  const uid = made.spec?.uid ?? '';
  assert.ok(isUlid(uid));
  assert.equal([made.version, made.status?.state], [1, State.PENDING]);
  assert.equal(
    made.spec?.interfaces.map(({ deviceId }) => deviceId),
    ['eth0', 'eth1'],
  );
  const ready = await inState(uid, State.CREATED);
  assert.equal([ready.version, ready.status?.retry, ready.status?.failureReason], [2, 0, '']);
  assert.equal(ready.status?.networkInterfaces['eth0'], {
    ...{ hostDeviceName: 'metadata', index: 0, macAddress: 'AA:FF:00:00:00:01' },
  });
  assert.is(ready.status?.networkInterfaces['eth1']?.hostDeviceName, 'user');
  assert.match(ready.status?.kernelMount?.source ?? '', c.context.stateDir);
  assert.equal(ready.spec?.labels, { env: 'lab' });
  assert.ok((ready.spec?.createdAt?.seconds ?? 0n) > 0n);
  assert.is((await list('ns1', 'vm1')).length, 1);
  assert.is((await list('', '')).length, 1);
  assert.is((await list('ns1', 'other')).length, 0);
  await callUnary(c.now, 'deleteMicroVm', { uid });
  await gone(uid);
  assert.equal(c.machines.graces, [7]);
  const where = `getting microvm: error attempting to locate microvm with uid: ${uid}: microvm spec //${uid} not found`;
  await refused(get(uid), 'NOT_FOUND', where);
  await refused(
    callUnary(c.now, 'deleteMicroVm', { uid }),
    'NOT_FOUND',
    `deleting microvm: checking to see if spec exists: microvm spec //${uid} not found`,
  );
  const left = () =>
    ['records', 'disks', 'kernels', 'pretended'].flatMap((d) => readdirSync(join(c.context.stateDir, d)));
  await until('nothing is left', async () => (left().length === 0 ? true : undefined));
});

test('a machine is what the specification says', async () => {
  const { spec } = await create({
    ...{ vcpu: 3, memoryInMb: 2048, labels: {}, namespace: '' },
    initrd: { image: 'reg.local/k:1', filename: '/boot/initrd' },
    additionalVolumes: [{ id: 'data', isReadOnly: true, mountPoint: '/data', sizeInMb: 2, source: {} }],
    rootVolume: {
      id: 'r',
      source: { containerSource: 'x/y' },
      partitionId: '0FC63DAF-8483-4772-8e79-0123456789ab',
      sizeInMb: 4,
    },
    interfaces: [
      { deviceId: 'eth1', type: 1, guestMac: '02-00-00-00-00-0A', overrides: { bridgeName: 'br7' } },
    ],
    metadata: { 'user-data': Buffer.from('#!/bin/sh').toString('base64') },
    provider: 'qemu-microvm',
  });
  const uid = spec?.uid ?? '';
  assert.is(spec?.namespace, 'default');
  await inState(uid, State.CREATED);
  const { spec: machine } = await c.machines.status(uid);
  if (!machine?.kernel) throw new Error('there is no machine');
  assert.ok(machine.kernel.initrd?.startsWith(join(c.context.stateDir, 'kernels')));
  assert.match(machine.kernel.cmdline ?? '', 'root=PARTUUID=0fc63daf-8483-4772-8e79-0123456789ab rw');
  assert.match(machine.kernel.cmdline ?? '', 'ds=nocloud-net;s=http://169.254.169.254/latest/');
  assert.equal(
    [machine.machine, machine.cpus, machine.memoryMib, machine.endsOnReset],
    ['microvm', 3, 2048, true],
  );
  assert.equal(machine.nics, [
    { type: 'metadata', mac: 'aa:ff:00:00:00:01' },
    { type: 'bridge', bridge: 'br7', mac: '02:00:00:00:00:0a' },
  ]);
  assert.ok(existsSync(machine.image) && existsSync(machine.extraDisks?.[0]?.image ?? ''));
  assert.equal([machine.extraDisks?.[0]?.name, machine.extraDisks?.[0]?.readOnly], ['data', true]);
  const documents = machine.cloudInit?.documents ?? {};
  assert.is(documents['user-data'], '#!/bin/sh');
  assert.match(
    documents['meta-data'] ?? '',
    `instance-id: ${uid}\nlocal-hostname: vm1\ninstance_id: ${uid}\n`,
  );
  assert.match(
    documents['vendor-data'] ?? '',
    /^## template: jinja\n#cloud-config\n[\s\S]*mounts:\n {2}- - vdb\n {4}- \/data\n/,
  );
  assert.match(documents['network-config'] ?? '', 'macaddress: 02:00:00:00:00:0a');
});

test('the dialect of 2021: known by name, never twice, and shown to the other', async () => {
  const { then } = c;
  const name = { namespace: 'ns1', id: 'vm1' };
  const { microvm } = await callUnary(then, 'createMicroVm', { microvm: oldSpec(), metadata: {} });
  assert.equal([microvm?.id, microvm?.volumes[0]?.mountPoint], ['vm1', '/']);
  await refused(
    callUnary(then, 'createMicroVm', { microvm: oldSpec(), metadata: {} }),
    'ALREADY_EXISTS',
    'creating microvm: microvm spec ns1/vm1 already exists',
  );
  await until('created', async () => {
    const vm = (await callUnary(then, 'getMicroVm', name)).microvm;
    return vm?.status?.state === 1 ? vm : undefined;
  });
  const [shown] = await list('ns1');
  assert.ok(isUlid(shown?.spec?.uid ?? ''));
  assert.equal(shown?.spec?.kernel?.cmdline, { console: 'ttyS0', root: '/dev/vda' });
  assert.is((await callUnary(then, 'listMicroVMs', { namespace: 'ns2' })).microvm.length, 0);
  await refused(
    callUnary(then, 'listMicroVMs', { namespace: '' }),
    'INVALID_ARGUMENT',
    'namespace is required',
  );
  await refused(
    callUnary(then, 'getMicroVm', { namespace: '', id: 'x' }),
    'INVALID_ARGUMENT',
    'getting microvm: microvm namespace is required',
  );
  const streamed = [];
  for await (const message of callStream(then, 'listMicroVMsStream', { namespace: 'ns1' }))
    streamed.push(message);
  assert.equal(
    streamed.map((message) => message.microvm?.id),
    ['vm1'],
  );
  await callUnary(then, 'deleteMicroVm', name);
  await until('gone', async () => ((await list()).length === 0 ? true : undefined));
  await refused(
    callUnary(then, 'getMicroVm', name),
    'NOT_FOUND',
    'in namespace: ns1: microvm spec ns1/vm1 not found',
  );
});

test('an update has its meaning through its mask, now or at the next start', async () => {
  const { then } = c;
  const name = { namespace: 'ns1', id: 'vm1' };
  const update = async (over: object, updateMask: string[] | undefined) =>
    (await callUnary(then, 'updateMicroVm', { microvm: oldSpec({ ...name, ...over }), updateMask })).microvm;
  await refused(
    update({}, undefined),
    'NOT_FOUND',
    'updating microvm: checking to see if spec exists: microvm spec ns1/vm1 not found',
  );
  const uid = (await create({ labels: { a: '1', b: '2' } })).spec?.uid ?? '';
  await inState(uid, State.CREATED);
  const labelled = await update({ labels: { a: '9', c: '3' }, vcpu: 60 }, ['labels.a', 'labels.b']);
  assert.equal([labelled?.labels, labelled?.vcpu], [{ a: '9' }, 1]);
  assert.ok(labelled?.updatedAt);
  // What this dialect cannot say of it is still there.
  assert.equal((await get(uid)).spec?.kernel, currentSpec().kernel);
  const larger = await update({ vcpu: 4, memoryInMb: 2048 }, ['microvm.vcpu', 'memory_in_mb']);
  assert.equal([larger?.vcpu, larger?.memoryInMb], [4, 2048]);
  assert.is((await c.machines.status(uid)).spec?.cpus, 1);
  c.machines.end(uid);
  await until('the machine is another', async () =>
    (await c.machines.status(uid)).spec?.cpus === 4 ? true : undefined,
  );
  await inState(uid, State.CREATED);
  await refused(
    update({ volumes: [] }, ['volumes']),
    'INVALID_ARGUMENT',
    'volumes of a microvm cannot be changed',
  );
  const other = oldSpec().volumes.map((volume) => ({ ...volume, sizeInMb: 8 }));
  await refused(
    update({ volumes: other }, ['volumes']),
    'INVALID_ARGUMENT',
    'volumes of a microvm cannot be changed',
  );
  await refused(update({}, ['vcpus']), 'INVALID_ARGUMENT', 'update_mask names "vcpus"');
  await refused(update({}, ['kernel.x.y']), 'INVALID_ARGUMENT', 'update_mask names "kernel.x.y"');
  await refused(update({}, ['created_at']), 'INVALID_ARGUMENT', 'created_at of a microvm cannot be changed');
  await refused(update({ vcpu: 65 }, ['vcpu']), 'INVALID_ARGUMENT', "failed on the 'lte' tag");
});

test('the same name is another microVM, but for the same request', async () => {
  const first = await create();
  const second = await create();
  assert.is.not(first.spec?.uid, second.spec?.uid);
  const labels = { [REQUEST_LABEL]: 'r1', x: 'y' };
  const tries = await Promise.all([1, 2, 3].map(() => create({ labels })));
  assert.is(new Set(tries.map(({ spec }) => spec?.uid)).size, 1);
  await refused(
    create({ labels, vcpu: 2 }),
    'ALREADY_EXISTS',
    'creating microvm: request "r1" has made microvm spec ns1/vm1 already, with another specification',
  );
  assert.is((await list()).length, 3);
});

test('a create that fails is tried again, says why, is given up, and can be deleted', async () => {
  c.images.troubles.set(
    'reg.local/none',
    new EdgeplaneError(
      { code: 'X', status: 'NOT_FOUND', template: '', retryable: false },
      'image "reg.local/none" not found',
    ),
  );
  const kernel = { image: 'reg.local/none', filename: 'k' };
  const uid = (await create({ kernel })).spec?.uid ?? '';
  const failed = await inState(uid, State.FAILED);
  assert.equal([failed.status?.retry, failed.status?.failureReason], [4, 'image "reg.local/none" not found']);
  assert.is(failed.status?.nextAttemptAt, undefined);
  assert.is(failed.version, 5);
  // A change is a new beginning, also one that does not help.
  const name = { namespace: 'ns1', id: 'vm1' };
  await callUnary(c.then, 'updateMicroVm', {
    microvm: oldSpec({ ...name, labels: { a: 'b' } }),
    updateMask: ['labels'],
  });
  await until('it is tried again', async () => ((await get(uid)).version >= 10 ? true : undefined));
  assert.is((await inState(uid, State.FAILED)).status?.retry, 4);
  // One that no try can mend is given up at once.
  const missing =
    (await create({ kernel: { image: 'reg.local/k:1', filename: 'boot/none' } })).spec?.uid ?? '';
  const reason = 'image "reg.local/k:1" has no file "boot/none"';
  assert.is((await inState(missing, State.FAILED)).status?.failureReason, reason);
  c.images.troubles.clear();
  await callUnary(c.then, 'updateMicroVm', {
    microvm: oldSpec({
      kernel: { image: 'reg.local/k:1', filename: 'boot/vmlinux', cmdline: '', addNetworkConfig: false },
    }),
    updateMask: ['kernel'],
  });
  await inState(uid, State.CREATED);
  for (const one of [uid, missing]) await callUnary(c.now, 'deleteMicroVm', { uid: one });
  await Promise.all([uid, missing].map(gone));
});

test('a machine that dies is noticed and started again; one that always dies is given up', async () => {
  const uid = (await create()).spec?.uid ?? '';
  await inState(uid, State.CREATED);
  const { starts } = c.machines;
  c.machines.end(uid);
  await until('it is started again', async () => (c.machines.starts > starts ? true : undefined));
  const back = await inState(uid, State.CREATED);
  assert.ok(back.version >= 4, 'the death was told');
  for (;;) {
    const { status } = await get(uid);
    if (status?.state === State.FAILED) break;
    if (status?.state === State.CREATED) c.machines.end(uid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.match(
    (await get(uid)).status?.failureReason ?? '',
    'the virtual machine ended by itself: guest-panic',
  );
});

test('what a running guest waits for is told until it goes on', async () => {
  const uid = (await create()).spec?.uid ?? '';
  await inState(uid, State.CREATED);
  const reasonIs = (text: string) =>
    until(text, async () => ((await get(uid)).status?.failureReason === text ? true : undefined));
  c.trouble(uid, 'no room on disk boot');
  await reasonIs('no room on disk boot');
  assert.is((await get(uid)).status?.state, State.CREATED);
  c.trouble(uid);
  await reasonIs('');
});

test('a deletion breaks off what is being made', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  c.images.withImageFiles = async (_id, work) => {
    await held;
    return work(c.images.folder);
  };
  const uid = (await create()).spec?.uid ?? '';
  await callUnary(c.now, 'deleteMicroVm', { uid });
  await callUnary(c.now, 'deleteMicroVm', { uid });
  assert.is((await get(uid)).status?.state, State.DELETING);
  release();
  await gone(uid);
  assert.is(c.machines.starts, 0);
});

test('a hundred creates at once: each its own, a few made at a time, and no more than there is room for', async () => {
  const vms = await Promise.all(Array.from({ length: 100 }, (_, i) => create({ id: `vm${i}` })));
  const uids = vms.map(({ spec }) => spec?.uid ?? '');
  assert.is(new Set(uids).size, 100);
  await Promise.all(uids.map((uid) => inState(uid, State.CREATED)));
  assert.ok(c.machines.busy.most <= 4 && c.machines.busy.most > 1, `${c.machines.busy.most}`);
  const macs = (await list()).map((vm) => vm.status?.networkInterfaces['eth1']?.macAddress);
  assert.is(new Set(macs).size, 100);
  assert.is(readdirSync(join(c.context.stateDir, 'disks')).length, 1);
  const streamed: string[] = [];
  for await (const { microvm } of callStream(c.now, 'listMicroVMsStream', { namespace: 'ns1' }))
    streamed.push(microvm?.spec?.uid ?? '');
  assert.equal(streamed.sort(), [...uids].sort());
  await refused(
    (async () => {
      for await (const _ of callStream(c.now, 'listMicroVMsStream', { namespace: '' }));
    })(),
    'INVALID_ARGUMENT',
    'invalid request',
  );
});

test('what the host has no room for is refused, and counts until it runs', async () => {
  await c.stop();
  const { context, images } = c;
  c = await open(context, images, { readRoom: async () => ({ memoryMb: 1500, diskMb: 100 }) });
  const words =
    'creating microvm: microvm ns1/vm1: ram of 2048 MB is needed, and 1500 MB are free on the host';
  await refused(create({ memoryInMb: 2048 }), 'RESOURCE_EXHAUSTED', words);
  await refused(
    create({ rootVolume: { id: 'r', source: { containerSource: 'x/y' }, sizeInMb: 101 } }),
    'RESOURCE_EXHAUSTED',
    'disk of 101 MB is needed',
  );
  c.images.troubles.set('reg.local/os:1', new Error('not now'));
  const uid = (await create()).spec?.uid ?? '';
  await refused(create(), 'RESOURCE_EXHAUSTED', 'and 476 MB are free');
  await inState(uid, State.FAILED);
  c.images.troubles.clear();
  await inState((await create()).spec?.uid ?? '', State.CREATED);
  assert.is((await list()).length, 2);
});

test('what cannot be recorded is refused and forgotten', async () => {
  await c.stop();
  const { context, images } = c;
  let full = true;
  const disk = {
    ...context.disk,
    async write(path: string, text: string) {
      if (full) throw fail(DISK_FULL);
      await context.disk.write(path, text);
    },
  };
  c = await open({ ...context, disk }, images, { readRoom: async () => ({ memoryMb: 1100, diskMb: 100 }) });
  await refused(create(), 'RESOURCE_EXHAUSTED', 'no space left');
  assert.equal(await list(), []);
  full = false;
  await inState((await create()).spec?.uid ?? '', State.CREATED);
  assert.is((await list()).length, 1);
});

test('HTTP: a microVM is made, found by the ambiguous route, listed, streamed and deleted', async () => {
  const call = async (method: string, path: string, body?: unknown) => {
    const text = body === undefined ? null : JSON.stringify(body);
    const answer = await fetch(c.http + path, { method, body: text });
    const lines = (await answer.text()).trim().split('\n');
    // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes
    return { status: answer.status, json: lines.map((line) => JSON.parse(line) as any) };
  };
  const spec = {
    ...{ id: 'web', namespace: 'ns9', vcpu: 1, memory_in_mb: 1024, unknown: { x: 1 } },
    kernel: { image: 'reg.local/k:1', filename: 'boot/vmlinux', addNetworkConfig: true },
    rootVolume: { id: 'root', source: { containerSource: 'reg.local/os:1' }, sizeInMb: 4 },
    interfaces: [{ deviceId: 'eth1', type: 'TAP' }],
  };
  const made = await call('POST', '/v1alpha1/microvm', spec);
  assert.is(made.status, 200);
  const { microvm } = made.json[0];
  const { uid } = microvm.spec;
  assert.equal([microvm.version, microvm.status.state, microvm.status.kernelMount], [1, 'PENDING', null]);
  assert.equal([microvm.spec.deletedAt, 'initrd' in microvm.spec], [null, false]);
  await inState(uid, State.CREATED);
  for (const path of [`/v1alpha1/microvm/${uid}`, `/v1alpha1/microvms/${uid}`])
    assert.is((await call('GET', path)).json[0].microvm.status.state, 'CREATED');
  for (const path of ['/v1alpha1/microvm/ns9', '/v1alpha1/microvms', '/v1alpha1/microvm/ns9?name=web'])
    assert.equal(
      (await call('GET', path)).json[0].microvm.map((vm: MicroVM) => vm.spec?.uid),
      [uid],
      path,
    );
  assert.equal((await call('GET', '/v1alpha1/microvm/none')).json, [{ microvm: [] }]);
  const none = await call('GET', `/v1alpha1/microvm/${'0'.repeat(26)}`);
  assert.equal([none.status, none.json[0].code, none.json[0].details], [404, 5, []]);
  const streamed = await call('POST', '/microvm.services.api.v1alpha1.MicroVM/ListMicroVMsStream', {
    namespace: 'ns9',
  });
  assert.equal(
    streamed.json.map(({ result }) => result.microvm.spec.id),
    ['web'],
  );
  const old = await call('GET', '/v1alpha1/microvm/ns9/web');
  assert.is(old.json[0].microvm.spec.volumes[0].isRoot, true);
  const updated = await call('PUT', '/v1alpha1/microvm/ns9/web?updateMask=labels', { labels: { a: 'b' } });
  assert.equal(updated.json[0].microvm.labels, { a: 'b' });
  const bad = await call('POST', '/v1alpha1/microvm', { ...spec, vcpu: 65 });
  assert.equal([bad.status, bad.json[0].code], [400, 3]);
  assert.match((await call('POST', '/v1alpha1/microvm', { vcpu: 'x' })).json[0].message, 'cannot be read: ');
  assert.is((await call('GET', '/v1alpha1/nothing')).status, 404);
  assert.equal((await call('DELETE', `/v1alpha1/microvm/${uid}`)).json, [{}]);
  await gone(uid);
  assert.is((await call('DELETE', '/v1alpha1/microvm/ns9/web')).status, 404);
});

test('a new life finds everything, and starts what was off', async () => {
  const uid = (await create()).spec?.uid ?? '';
  await inState(uid, State.CREATED);
  await c.stop();
  c.machines.end(uid);
  const stranger = await c.machines.status(uid);
  await c.machines.create({
    ...(stranger.spec ?? { image: '', nics: [], cpus: 1, memoryMib: 1 }),
    id: 'stranger',
  });
  c = await open(c.context, c.images);
  await until('it runs', async () => ((await c.machines.status(uid)).state === 'running' ? true : undefined));
  const found = await inState(uid, State.CREATED);
  assert.equal([found.spec?.id, found.status?.retry], ['vm1', 0]);
  assert.is((await c.machines.status('stranger')).state, 'missing');
});

test.run();
