import { setImmediate } from 'node:timers/promises';
import { EdgeplaneError } from '@edgeplane/base';
import { PodStatus } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import {
  PodExtensionGetRequest,
  type PodExtensionGetResponse,
  PodExtensionListRequest,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension-service.js';
import type { RpcServer } from '@edgeplane/rpc';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { testDoorContext } from '../testing.js';
import { openPods, POLICY, withPods } from './testing-door.js';
import { FakeMachine } from './testing-host.js';

/** `STATUS: text` of a refusal. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof EdgeplaneError) return `${error.status}: ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}

async function get(server: RpcServer, podName: string): Promise<PodStatus> {
  let status: PodStatus | undefined;
  const request = PodExtensionGetRequest.fromPartial({ podName });
  await server.call('/edgeplane.pod.v1.PodExtension/Get', request, (answer) => {
    status = (answer as PodExtensionGetResponse).status;
  });
  return status ?? PodStatus.fromPartial({});
}

/** Tries again until it is true; the runner's time limit ends what never is. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await setImmediate();
}

const web = { name: 'web', containers: [{ name: 'main', image: 'web:1' }] };
const NAMES = ['aurae.runtime.pod.v0.PodService', 'aurae.runtime.v0.PodService', 'runtime.v0.PodService'];
const RUNNING = 4;
const ALLOCATED = 2;

test('empty messages act on the pod of their caller, under each name of the service', () =>
  withPods(async ({ call }, machine) => {
    for (const service of NAMES) {
      assert.is(
        await refusal(call('Start', {}, service)),
        'FAILED_PRECONDITION: nothing allocated for this caller',
      );
      assert.is(await refusal(call('Stop', {}, service)), 'NOT_FOUND: nothing allocated for this caller');
      assert.is(await refusal(call('Free', {}, service)), 'NOT_FOUND: nothing allocated for this caller');
      const { podName } = await call('Allocate', {}, service);
      assert.match(podName, /^default-[0-9a-f]{12}$/);
      assert.is((await call('Allocate', {}, service)).podName, podName);
      const without = await refusal(call('Start', {}, service));
      assert.match(
        without,
        /^FAILED_PRECONDITION: pod "default-[0-9a-f]+" has no containers: set PodServiceAllocateRequest.pod.containers \(1, 103\)/,
      );
      await call('Stop', {}, service);
      assert.is(machine.pods.size, 1);
      await call('Free', {}, service);
      assert.equal([machine.pods.size, machine.networks.size], [0, 0]);
    }
  }));

test('empty messages with a template start it; where there are no such pods they are told what to set', async () => {
  await withPods(
    async ({ call }, machine) => {
      await call('Allocate');
      const { pid, uid, gid, status } = await call('Start');
      assert.equal([pid, uid, gid, status?.phase], [process.pid, 7, 8, RUNNING]);
      assert.match(machine.running().join(), /^default-[0-9a-f]{12}\/main$/);
      await call('Start');
      await call('Free');
    },
    { ...POLICY, defaultImage: 'nginx' },
  );
  await withPods(
    async ({ call }) => {
      for (const verb of ['Allocate', 'Start', 'Stop', 'Free'] as const)
        assert.match(
          await refusal(call(verb)),
          /^FAILED_PRECONDITION: this host gives no pod to calls that name none/,
        );
      await call('Allocate', { pod: web });
    },
    { ...POLICY, implicitPods: false },
  );
});

test('a pod lives its life, and every verb may be repeated', () =>
  withPods(async ({ call }, machine) => {
    const first = await call('Allocate', { pod: web });
    assert.equal([first.podName, first.status?.phase], ['web', ALLOCATED]);
    const again = await call('Allocate', { pod: web });
    assert.is(again.status?.uid, first.status?.uid);
    assert.is(
      await refusal(call('Allocate', { pod: { ...web, hostname: 'other' } })),
      'ALREADY_EXISTS: pod "web" is allocated with other content',
    );
    const started = await call('Start', { name: 'web' });
    assert.equal([started.status?.phase, machine.running()], [RUNNING, ['web/main']]);
    const { id } = started.status?.containers[0] ?? { id: '' };
    assert.is((await call('Start', { name: 'web' })).status?.containers[0]?.id, id);
    const more = { name: 'side', image: 'side:1' };
    const added = await call('Start', { name: 'web', containers: [more] });
    assert.equal([machine.running(), added.status?.generation], [['web/main', 'web/side'], 2n]);
    assert.is((await call('Start', { name: 'web', containers: [more] })).status?.generation, 2n);
    assert.match(
      await refusal(call('Start', { name: 'web', containers: [{ ...more, image: 'x' }] })),
      /^ALREADY_EXISTS/,
    );
    assert.is((await call('Allocate', { pod: web })).status?.uid, first.status?.uid);
    await call('Stop', { podName: 'web', containerName: 'side' });
    assert.equal(machine.running(), ['web/main']);
    assert.match(
      await refusal(call('Stop', { podName: 'web', containerName: 'no' })),
      /^NOT_FOUND: pod "web" has no container "no"/,
    );
    await call('Stop', { podName: 'web' });
    assert.is((await call('Stop', { podName: 'web' })).status?.phase, ALLOCATED);
    assert.is((await call('Free', { podName: 'web' })).status?.name, 'web');
    assert.is(await refusal(call('Free', { podName: 'web' })), 'NOT_FOUND: pod "web" is not allocated');
    await call('Free', { podName: 'web', allowMissing: true });
    assert.is(await refusal(call('Start', { name: 'web' })), 'NOT_FOUND: pod "web" is not allocated');
    const second = await call('Allocate', { pod: web });
    assert.is.not(second.status?.uid, first.status?.uid);
  }));

test('the short form of 2023 is a pod of one container called main', () =>
  withPods(async ({ call }, machine) => {
    await call(
      'Allocate',
      { pod: { name: 'old', image: 'team/app:2', registry: 'r.example:5000' } },
      NAMES[1],
    );
    await call('Start', { name: 'old' }, NAMES[1]);
    assert.equal(machine.running(), ['old/main']);
    assert.ok(machine.log.includes('image r.example:5000/team/app:2'));
    await call('Stop', { podName: 'old', containerName: 'main' }, NAMES[1]);
    assert.equal(machine.running(), []);
  }));

test('init containers run to their end first; one that fails ends the start, and what it began', () =>
  withPods(async ({ call }, machine) => {
    const pod = {
      name: 'p',
      containers: [
        { name: 'main', image: 'a' },
        { name: 'prepare', image: 'b', init: true },
      ],
    };
    machine.exits.set('prepare', 3);
    await call('Allocate', { pod });
    assert.is(
      await refusal(call('Start', { name: 'p' })),
      'FAILED_PRECONDITION: init container "prepare" of pod "p" ended with 3',
    );
    assert.equal(machine.running(), []);
    machine.exits.set('prepare', 0);
    machine.log.length = 0;
    await call('Start', { name: 'p' });
    const starts = machine.log.filter((line) => line.startsWith('start'));
    assert.equal([starts, machine.running()], [['start prepare', 'start main'], ['p/main']]);
  }));

test('what fails leaves nothing, not even the name, and says why by its code', () =>
  withPods(async ({ call }, machine) => {
    const pod = (image: string) => ({ pod: { name: 'p', containers: [{ name: 'c', image }] } });
    machine.missing.set('gone', 'manifest unknown');
    machine.missing.set('secret', 'unauthorized: authentication required');
    machine.missing.set('away', 'dial tcp: connection refused');
    assert.match(
      await refusal(call('Allocate', pod('gone'))),
      /^NOT_FOUND: container c: image: image "gone" does not exist/,
    );
    assert.match(await refusal(call('Allocate', pod('secret'))), /^PERMISSION_DENIED: container c: image/);
    assert.match(await refusal(call('Allocate', pod('away'))), /^UNAVAILABLE: container c: image/);
    const digest = `sha256:${'1'.repeat(64)}`;
    const pinned = { pod: { name: 'p', containers: [{ name: 'c', image: 'a', imageDigest: digest }] } };
    assert.match(await refusal(call('Allocate', pinned)), /^FAILED_PRECONDITION: .*not sha256:1/);
    const huge = { pod: { name: 'p', resources: { memoryBytes: 1n << 50n } } };
    assert.match(await refusal(call('Allocate', huge)), /^RESOURCE_EXHAUSTED: pod "p": .*MB are free/);
    assert.equal([machine.pods.size, machine.networks.size], [0, 0]);
    await call('Allocate', pod('away-too'));
    machine.missing.set('later', 'manifest unknown');
    const add = { name: 'p', containers: [{ name: 'd', image: 'later' }] };
    assert.match(await refusal(call('Start', add)), /^NOT_FOUND/);
    assert.equal(machine.running(), []);
  }));

test('a call that wants something else meanwhile is refused; the same joins; force takes over', () =>
  withPods(async ({ call }, machine) => {
    let proceed = () => {};
    const gate = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const allocated = await call('Allocate', { pod: web });
    machine.gate = gate;
    const one = call('Start', { name: 'web' });
    const two = call('Start', { name: 'web' });
    assert.is(
      await refusal(call('Stop', { podName: 'web' })),
      'ABORTED: pod "web": another start is under way',
    );
    assert.is(
      await refusal(call('Free', { podName: 'web' })),
      'ABORTED: pod "web": another start is under way',
    );
    proceed();
    assert.equal((await one).status?.containers, (await two).status?.containers);
    assert.is(machine.log.filter((line) => line === 'create main').length, 1);
    assert.ok(allocated.operationId);
    await call('Free', { podName: 'web', force: true });
    assert.is(machine.pods.size, 0);
  }));

test('a request id gives the answer of its call again, and is one call’s own', () =>
  withPods(async ({ call }, machine) => {
    const first = await call('Allocate', { pod: web, requestId: 'r1' });
    assert.is((await call('Allocate', { pod: web, requestId: 'r1' })).operationId, first.operationId);
    const other = { ...web, hostname: 'x' };
    assert.match(
      await refusal(call('Allocate', { pod: other, requestId: 'r1' })),
      /^INVALID_ARGUMENT: request_id "r1" was used before/,
    );
    assert.is(machine.log.filter((line) => line === 'sandbox').length, 1);
  }));

test('a dry run checks everything and reserves nothing', () =>
  withPods(async ({ call }, machine) => {
    assert.is((await call('Allocate', { pod: web, dryRun: true })).podName, 'web');
    assert.match(
      await refusal(call('Allocate', { pod: { name: '../x' }, dryRun: true })),
      /^INVALID_ARGUMENT/,
    );
    assert.equal([machine.pods.size, machine.log], [0, []]);
  }));

test('ready is waited for, and a container that its liveness probe gives up is started again', () =>
  withPods(async ({ call, server }, machine) => {
    const probe = (program: string) => ({
      action: { $case: 'exec', value: { command: [program] } },
      ...{ periodMs: 5, failureThreshold: 2 },
    });
    const containers = [{ name: 'c', image: 'a', readiness: probe('ready'), liveness: probe('alive') }];
    await call('Allocate', { pod: { name: 'p', containers } });
    machine.execs.set('ready', 1);
    const late = call('Start', { name: 'p', wait: 1, timeoutMs: 50 });
    assert.match(
      await refusal(late),
      /^DEADLINE_EXCEEDED: container "c" of pod "p" runs, but was not ready within 50 ms/,
    );
    machine.execs.set('ready', 0);
    const { status } = await call('Start', { name: 'p', wait: 1 });
    assert.ok(status?.containers[0]?.ready);
    machine.execs.set('alive', 1);
    const restarts = async () => (await get(server, 'p')).containers[0]?.restarts;
    await eventually(async () => machine.log.includes('stop c'));
    machine.execs.set('alive', 0);
    await eventually(async () => (await restarts()) === 1);
    assert.equal(machine.running(), ['p/c']);
  }));

test('a full disk is told as such, and leaves nothing behind', async () => {
  const machine = new FakeMachine();
  const context = testDoorContext();
  let full = false;
  const disk: typeof context.disk = {
    ...context.disk,
    write: (path, text) =>
      full
        ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
        : context.disk.write(path, text),
  };
  const { call, door } = await openPods({ machine, context: { ...context, disk } });
  full = true;
  const none = await refusal(call('Allocate', { pod: web }));
  assert.match(none, /^(RESOURCE_EXHAUSTED|UNAVAILABLE): .*no space left on device/);
  full = false;
  machine.missing.set('web:1', 'write /x: no space left on device');
  assert.match(await refusal(call('Allocate', { pod: web })), /^[A-Z_]+: .*no space left on device/);
  assert.equal([machine.pods.size, machine.networks.size], [0, 0]);
  machine.missing.clear();
  await call('Allocate', { pod: web });
  full = true;
  assert.match(await refusal(call('Start', { name: 'web' })), /no space left on device/);
  assert.equal(machine.running(), []);
  full = false;
  await call('Start', { name: 'web' });
  await call('Free', { podName: 'web' });
  assert.is(machine.pods.size, 0);
  await door.stop('keep');
  context.remove();
});

test('a boot starts what was wanted and had not ended, before anybody calls', async () => {
  const context = testDoorContext();
  const machine = new FakeMachine();
  const first = await openPods({ machine, context });
  const pod = (name: string, restartPolicy: number) => ({
    name,
    restartPolicy,
    containers: [{ name, image: 'a' }],
  });
  for (const [name, policy] of [
    ['always', 0],
    ['failure', 1],
    ['never', 2],
    ['stopped', 0],
  ] as const) {
    await first.call('Allocate', { pod: pod(name, policy) });
    await first.call('Start', { name });
  }
  machine.exits.set('done', 0);
  await first.call('Allocate', { pod: pod('done', 1) });
  await first.call('Start', { name: 'done' });
  await first.call('Stop', { podName: 'stopped' });
  await first.door.stop('keep');
  machine.reboot();
  machine.log.length = 0;
  const second = await openPods({ machine, context });
  assert.equal(machine.running(), ['always/always', 'failure/failure']);
  assert.is([...machine.pods.values()].filter(({ up }) => up).length, 5);
  let listed: string[] = [];
  await second.server.call(
    '/edgeplane.pod.v1.PodExtension/List',
    PodExtensionListRequest.fromPartial({}),
    (m) => {
      listed = (m as { pods: { name: string; phase: number }[] }).pods.map(
        ({ name, phase }) => `${name} ${phase}`,
      );
    },
  );
  assert.equal(listed, ['always 4', 'done 6', 'failure 4', 'never 6', 'stopped 2']);
  await second.door.stop('keep');
  context.remove();
});

test.run();
