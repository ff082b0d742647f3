// test: timeout=300s serial
import { systemClock } from '@edgeplane/base';
import { PowerOp } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { waitForHttp } from '../../engines/qemu/index.js';
import { guestImage } from '../../engines/qemu/testing.js';
import { requests, TestProvider, vmClass } from './testing.js';

/** The provider with guests that run. */
const test = suite<{ p: TestProvider; image: string }>('VirtRigaud provider with guests');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(async (c) => {
  const dir = c.image.slice(0, c.image.lastIndexOf('/'));
  c.p = new TestProvider({ imageDir: dir }, { consoleAddr: '127.0.0.1:0' });
  await c.p.open();
});
test.after.each((c) => c.p.clear());

const raw = async (p: TestProvider, id: string) => {
  const seen = await p.call('describe', { id });
  return { ...seen, facts: JSON.parse(seen.providerRawJson) as Record<string, string | number | boolean> };
};
const cards = '[{"Name":"a","Model":"e1000"},{"Name":"b","Model":"rtl8139"},{"Name":"c","Model":"virtio"}]';
const power = (p: TestProvider, id: string, op: 1 | 2 | 3 | 4, gracefulTimeoutSeconds = 30) =>
  p.call('power', { id, op, gracefulTimeoutSeconds });

test('power, memory, live changes and screens of a guest', async ({ p, image }) => {
  const classJson = vmClass().replace(
    '"ExtraConfig":null',
    '"ExtraConfig":{"edgeplane.forwards":"tcp/8080"}',
  );
  const { id } = await p.call(
    'create',
    requests.create({
      classJson,
      imageJson: JSON.stringify({ Path: image }),
      userData: Buffer.from('#cloud-config\nhostname: web-1\n'),
    }),
  );
  const { facts } = await raw(p, id);
  const [host, port] = String(facts['forward.tcp.8080']).split(':');
  const answers = () =>
    waitForHttp(String(host), Number(port), '/', { clock: systemClock, deadlineMs: 120_000 });
  for (let i = 0; i < 2; i += 1) assert.equal(await power(p, id, PowerOp.POWER_OP_ON), { task: undefined });
  await answers();
  const on = await raw(p, id);
  assert.is(on.powerState, 'On');
  assert.match(on.consoleUrl, /^ws:\/\/127\.0\.0\.1:\d+\/vnc\?ticket=/);
  const desired = (change: object) => ({ id, desiredJson: `{"Class":${vmClass({ CPU: 1, ...change })}}` });
  assert.is(await p.failure('reconfigure', desired({ CPU: 2 })), 'OK');
  assert.is(await p.failure('reconfigure', desired({ CPU: 2, SizeGiB: 2 })), 'OK');
  assert.is(await p.failure('reconfigure', desired({ CPU: 2, MemoryMiB: 256, SizeGiB: 2 })), 'OK');
  const more = desired({ CPU: 8, MemoryMiB: 256, SizeGiB: 2 });
  for (let i = 0; i < 2; i += 1)
    assert.is(
      await p.failure('reconfigure', more),
      'FAILED_PRECONDITION VirtualMachine "web" needs a restart for 8 CPUs (4 now); the change is kept and comes with it',
    );
  assert.is((await raw(p, id)).facts['pending_restart'], true);
  await p.call('snapshotCreate', { vmId: id, nameHint: 'mem', includeMemory: true, description: '' });
  await p.call('snapshotRevert', { vmId: id, snapshotId: 'mem' });
  await answers();
  await power(p, id, PowerOp.POWER_OP_REBOOT);
  const { facts: after } = await raw(p, id);
  assert.equal([after['cpu_count'], after['memory_mb'], after['pending_restart']], [4, 256, false]);
  // What does not listen is cut off when its time is over.
  await power(p, id, PowerOp.POWER_OP_SHUTDOWN_GRACEFUL, 1);
  assert.is((await raw(p, id)).powerState, 'Off');
});

test('cards of each kind', async ({ p }) => {
  const { id } = await p.call('create', requests.create({ networksJson: cards }));
  await power(p, id, PowerOp.POWER_OP_ON);
  await power(p, id, PowerOp.POWER_OP_REBOOT);
  const [vm] = (await p.call('listVMs', {})).vms;
  assert.equal([vm?.powerState, vm?.networks.length], ['On', 3]);
  // Whoever cuts the power does not wait for a guest that was asked.
  const gentle = { id, op: PowerOp.POWER_OP_SHUTDOWN_GRACEFUL, gracefulTimeoutSeconds: 3600 };
  let task: { id: string } | undefined;
  while (!task) task = (await p.call('power', gentle, 2000).catch(() => undefined))?.task;
  await power(p, id, PowerOp.POWER_OP_OFF);
  assert.is((await raw(p, id)).powerState, 'Off');
  const { done, error } = await p.call('taskStatus', { task });
  assert.ok(done && error.startsWith('cancelled'), error);
});

test.run();
