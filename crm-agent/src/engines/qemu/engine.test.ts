// test: timeout=240s serial
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { isKind, silentLogger, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { QemuEngine } from './engine.js';
import { qemuErrors } from './errors.js';
import { waitForHttp, waitForTcp } from './reachable.js';
import type { VmSpec } from './spec.js';
import {
  boot,
  clearEngine,
  crashAt,
  type EngineContext,
  engineAt,
  failure,
  freePort,
  guestImage,
  listen,
  local,
  openEngine,
  processesOf,
  specOf,
  user,
} from './testing.js';
import type { VmStep } from './vm.js';
import { VncGateway } from './vnc-gateway.js';

const test = suite<EngineContext>('QEMU engine');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(clearEngine);

function echo(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    // A datagram may be lost, so it is sent until it comes back.
    const again = setInterval(() => socket.send(text, port, '127.0.0.1'), 200);
    const limit = setTimeout(() => finish(() => reject(new Error('no echo in 10 s'))), 10_000);
    const finish = (end: () => void) => {
      clearInterval(again);
      clearTimeout(limit);
      socket.close(end);
    };
    socket.once('message', (message) => finish(() => resolve(message.toString())));
  });
}

test('boots the guest to an HTTP answer with its seed, survives the engine, stops by power button', async (c) => {
  const [web, udp] = [await freePort(), await freePort()];
  const userData = `#cloud-config
http_port: 9000
write_files:
  - path: /srv/www/a.txt
    permissions: '0644'
    content: |
      line 'one'
        indented
  - path: /srv/www/b.txt
    encoding: b64
    content: aGVsbG8=
runcmd:
  - echo "ran: $(hostname)" > /srv/www/ran.part
  - [mv, /srv/www/ran.part, "/srv/www/ran.txt"]
`;
  const spec = specOf(c, {
    nics: user(local('tcp', web, 9000), local('udp', udp, 9000)),
    cloudInit: { instanceId: 'i-42', hostname: 'edge-guest', userData },
    extraDisks: [{ name: 'db', sizeMib: 16 }],
    labels: { app: 'sample' },
  });
  assert.is((await c.engine.create(spec)).state, 'stopped');
  const started = await c.engine.start('vm');
  assert.is(started.state, 'running');
  await waitForTcp('127.0.0.1', web, boot);
  const page = await waitForHttp('127.0.0.1', web, '/', boot);
  assert.match(page, 'instance-id: i-42');
  assert.match(page, 'hostname: edge-guest');
  assert.is(await waitForHttp('127.0.0.1', web, '/a.txt', boot), "line 'one'\n  indented\n");
  assert.is(await waitForHttp('127.0.0.1', web, '/b.txt', boot), 'hello');
  let ran = '';
  const deadline = Date.now() + 20_000;
  while (!ran.startsWith('ran:') && Date.now() < deadline) {
    ran = await waitForHttp('127.0.0.1', web, '/ran.txt', boot);
  }
  assert.is(ran, 'ran: edge-guest\n');
  assert.is(await echo(udp, 'ping'), 'ping');

  assert.is((await c.engine.start('vm')).pid, started.pid);
  assert.is((await c.engine.create(spec)).pid, started.pid);
  const other = await failure(c.engine.create({ ...spec, cpus: 2 }));
  assert.ok(isKind(other, qemuErrors.vmExists));
  assert.match(other?.message ?? '', 'different cpus');
  const stats = await c.engine.stats('vm');
  assert.ok(
    stats.cpuSeconds > 0.5 && stats.residentBytes > 50e6 && stats.diskBytes > 0,
    JSON.stringify(stats),
  );
  const monitor = await c.engine.monitor('vm');
  assert.is(((await monitor.execute('query-status')) as { status: string }).status, 'running');
  monitor.close();

  // Another engine over the same directory, as after a restart of the agent.
  const next = engineAt(c.dir);
  const [adopted] = await next.recover();
  assert.is(adopted?.pid, started.pid);
  assert.is(adopted?.startedAt, started.startedAt);
  assert.equal(adopted?.spec?.labels, { app: 'sample' });
  assert.match(await next.consoleTail('vm'), 'edgeplane-guest: ready: edge-guest');

  assert.is(await next.stop('vm', { graceMs: 30_000 }), 'powerdown');
  const stopped = await next.status('vm');
  assert.is(stopped.state, 'stopped');
  assert.is(stopped.reason, 'guest-shutdown');
  assert.match(await next.consoleTail('vm'), 'power button');

  // The disk keeps what the guest wrote: it counts its boots there.
  await next.start('vm');
  assert.match(await waitForHttp('127.0.0.1', web, '/', boot), 'boot: 2');
  await next.destroy('vm');
  await next.destroy('vm');
  assert.equal(await readdir(join(c.dir, 'vms')), []);
  assert.equal(await processesOf(c.dir), []);
  assert.is((await next.status('vm')).state, 'missing');
});

test('user-data that begins with #! is run', async (c) => {
  const web = await freePort();
  const userData =
    '#!/bin/sh\necho "$0 by script" > /srv/www/script.txt.part\nmv /srv/www/script.txt.part /srv/www/script.txt\n';
  const cloudInit = { instanceId: 'i-1', hostname: 'h', userData };
  await c.engine.create(specOf(c, { nics: user(local('tcp', web, 8080)), cloudInit }));
  await c.engine.start('vm');
  let text = '';
  while (!text.includes('by script')) text = await waitForHttp('127.0.0.1', web, '/script.txt', boot);
});

test('a port in use is named; afterwards nothing runs and a second try can work', async (c) => {
  const server = await listen();
  const { port } = server.address() as AddressInfo;
  await c.engine.create(specOf(c, { nics: user(local('tcp', port, 80)) }));
  const error = await failure(c.engine.start('vm'));
  assert.ok(isKind(error, qemuErrors.portInUse), String(error));
  assert.match(error?.message ?? '', `host port ${port} (tcp) is in use`);
  assert.equal(await processesOf(c.dir), []);
  assert.is((await c.engine.status('vm')).state, 'failed');
  await new Promise((resolve) => server.close(resolve));
  assert.is((await c.engine.start('vm')).state, 'running');
});

test('a machine that was killed is failed; one without an answer is quit; both start again', async (c) => {
  await c.engine.create(specOf(c));
  const { pid } = await c.engine.start('vm');
  const gone = c.engine.waitForExit('vm');
  process.kill(pid ?? 0, 'SIGKILL');
  const status = await gone;
  assert.is(status.state, 'failed');
  assert.match(status.reason ?? '', 'QEMU ended');
  await c.engine.start('vm');
  // The guest is in its firmware and knows no power button.
  assert.is(await c.engine.stop('vm', { graceMs: 0 }), 'quit');
  assert.equal(
    [(await c.engine.status('vm')).state, (await c.engine.status('vm')).reason],
    ['stopped', 'host-qmp-quit'],
  );
  assert.is(await c.engine.stop('vm', { graceMs: 0 }), 'gone');
});

test('a lost disk is reported, not replaced by an empty one; a QEMU without a directory is ended', async (c) => {
  await c.engine.create(specOf(c));
  await c.engine.start('vm');
  await c.engine.stop('vm', { graceMs: 0 });
  await rm(join(c.dir, 'vms/vm/boot.qcow2'));
  const error = await failure(c.engine.start('vm'));
  assert.ok(isKind(error, qemuErrors.vmStartFailed), String(error));
  assert.match(error?.message ?? '', 'boot.qcow2');
  await c.engine.destroy('vm');
  await c.engine.create(specOf(c));
  await c.engine.start('vm');
  await rm(join(c.dir, 'vms/vm'), { recursive: true });
  assert.equal(await engineAt(c.dir).recover(), []);
  assert.equal(await processesOf(c.dir), []);
});

test('an image that was replaced is found out before the guest reads a mixture', async (c) => {
  const image = join(c.dir, 'own.img');
  await writeFile(image, Buffer.alloc(1024 ** 2));
  await c.engine.create(specOf(c, { image, memoryMib: 32 }));
  await writeFile(image, Buffer.alloc(2 * 1024 ** 2));
  const error = await failure(c.engine.start('vm'));
  assert.ok(isKind(error, qemuErrors.imageChanged), String(error));
  await rm(image);
  assert.ok(isKind(await failure(c.engine.start('vm')), qemuErrors.imageNotFound));
});

test('a display is shown to whoever has a ticket', async (c) => {
  const gateway = new VncGateway({
    clock: systemClock,
    logger: silentLogger,
    socketOf: (id) => c.engine.vncSocket(id),
  });
  const { host, port } = await gateway.start();
  await c.engine.create(specOf(c));
  await c.engine.start('vm');
  assert.ok(isKind(await failure(gateway.ticket('vm')), qemuErrors.noDisplay));
  await c.engine.destroy('vm');
  await c.engine.create(specOf(c, { display: 'vnc' }));
  await c.engine.start('vm');
  const client = new WebSocket(`ws://${host}:${port}${(await gateway.ticket('vm')).path}`, 'binary');
  const [hello] = (await once(client, 'message')) as [Buffer];
  assert.is(String(hello), 'RFB 003.008\n');
  await gateway.stop();
});

test('a state directory with a long path works', async (c) => {
  const deep = join(c.dir, 'd'.repeat(100));
  const engine = engineAt(deep);
  await engine.create(specOf(c, { id: 'v'.repeat(60) }));
  assert.is((await engine.start('v'.repeat(60))).state, 'running');
  assert.is(await engine.stop('v'.repeat(60), { graceMs: 0 }), 'quit');
});

test('missing things are named: machine, image, program', async (c) => {
  assert.ok(isKind(await failure(c.engine.start('none')), qemuErrors.vmNotFound));
  const noImage = await failure(c.engine.create(specOf(c, { image: '/nowhere/x.qcow2' })));
  assert.match(noImage?.message ?? '', 'image /nowhere/x.qcow2 not found');
  assert.equal(await c.engine.list(), []);
  const bare = new QemuEngine({
    stateDir: c.dir,
    clock: systemClock,
    logger: silentLogger,
    command: '/opt/none/qemu-system-x86_64',
    accelerator: 'tcg',
  });
  const { available, reason } = await bare.available();
  assert.is(available, false);
  assert.match(reason, 'install the Debian package qemu-system-x86');
  await bare.create(specOf(c));
  assert.ok(isKind(await failure(bare.start('vm')), qemuErrors.toolMissing));
  assert.is((await c.engine.available()).available, true);
});

const STEPS: readonly VmStep[] = [
  'resolved',
  'recorded',
  'disk',
  'seed',
  'prepared',
  'spawned',
  'noted',
  'answers',
  'started',
];

function crash(step: VmStep, dir: string, spec: VmSpec): void {
  const work = `await engine.create(${JSON.stringify(spec)}); await engine.start('vm');`;
  assert.ok(crashAt(step, dir, work), step);
}

for (const step of STEPS) {
  test(`killed at "${step}": trying again gives one machine, destroying leaves nothing`, async (c) => {
    const spec = specOf(c, {
      nics: user(local('tcp', await freePort(), 8080)),
      cloudInit: { instanceId: 'i-1', hostname: 'h' },
    });
    crash(step, c.dir, spec);
    const before = await processesOf(c.dir);
    const [found] = await c.engine.recover();
    assert.is(
      found?.state ?? 'missing',
      step === 'resolved' ? 'missing' : before.length > 0 ? 'running' : 'stopped',
    );
    await c.engine.create(spec);
    assert.is((await c.engine.start('vm')).state, 'running');
    const now = await processesOf(c.dir);
    assert.is(now.length, 1);
    if (before.length > 0) assert.equal(now, before, 'taken up, not started twice');
    await c.engine.destroy('vm');

    // The same without recovery: each call finds out by itself what there is.
    crash(step, c.dir, spec);
    const left = await processesOf(c.dir);
    const fresh = engineAt(c.dir);
    await fresh.create(spec);
    await fresh.start('vm');
    const then = await processesOf(c.dir);
    assert.is(then.length, 1);
    if (left.length > 0) assert.equal(then, left, 'taken up by start');
    await fresh.destroy('vm');
    assert.equal(await processesOf(c.dir), []);
    assert.equal(await readdir(join(c.dir, 'vms')).catch(() => []), []);
  });
}

test.run();
