// test: timeout=120s
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, systemClock } from '@edgeplane/base';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemDisk } from '../../../disk.js';
import { identityOf, toIdentity } from '../../../engines/process/index.js';
import { TestController } from '../../../testing-controller.js';
import { workErrors } from '../../work/index.js';
import type { ProcessSettings } from '../inventory.js';
import type { ChangeContext } from './driver.js';
import { ProcessHypervisor } from './process-hypervisor.js';

const dir = mkdtempSync(join(tmpdir(), 'process-'));
const { signal } = new AbortController();

function hypervisor(name: string, args: readonly string[] = [], over: Partial<ProcessSettings> = {}) {
  return new ProcessHypervisor({
    ...{ id: name, dir: join(dir, name), disk: systemDisk, clock: systemClock },
    settings: {
      ...{ driver: 'process', platform: 'fakecloudlet', notifyAddrs: '127.0.0.1:9', args, tls: '' },
      ...{ waitRegistered: false, ...over },
    },
    cloudletKeyJson: '{"operator_key":{"name":"op"},"name":"site"}',
    facts: async () => ({ cpus: 1, ramBytes: 1, storage: false, gpus: [] }),
  });
}

function change(over: Partial<ChangeContext> = {}): ChangeContext {
  return { operationId: 'op-1', signal, step: async () => undefined, progress: () => undefined, ...over };
}

const pidOf = (name: string) =>
  toIdentity(JSON.parse(readFileSync(join(dir, name, 'process.json'), 'utf8')))?.pid ?? 0;
const refusal = (call: Promise<unknown>) => call.then(() => 'nothing', String);

test.after(async () => {
  for (const name of ['one', 'late', 'registered', 'secure']) await hypervisor(name).release('stop');
  rmSync(dir, { recursive: true, force: true });
});

test('a child agent comes up, is found again with and without its record, and ends', async () => {
  const first = hypervisor('one');
  assert.is((await first.inspect(signal)).condition, 'off');
  await first.create(change());
  const pid = pidOf('one');
  const seen = await hypervisor('one').inspect(signal);
  assert.is(seen.condition, 'ready');
  assert.is(seen.runningInstances, 0);
  assert.match(seen.detail, `process ${pid} is ready`);
  // Killed between the start of the child and the record of it.
  rmSync(join(dir, 'one/process.json'));
  await hypervisor('one').create(change());
  assert.is((await hypervisor('one').inspect(signal)).detail, `process ${pid} is ready`);
  // The record names a process that has ended, and whose pid somebody else has.
  const other = { ...(await identityOf(process.pid)), startTicks: '1' };
  writeFileSync(join(dir, 'one/process.json'), JSON.stringify(other));
  await hypervisor('one').destroy({ force: false, graceMs: 10_000 }, change());
  assert.is(await identityOf(pid), undefined);
  assert.is((await first.inspect(signal)).condition, 'off');
  await first.destroy({ force: false, graceMs: 0 }, change());
});

test('one that does not come up is told in its own words, and leaves nothing', async () => {
  const broken = hypervisor('broken', ['--no-such-flag']);
  assert.match(
    await refusal(broken.create(change())),
    /hypervisor broken did not come up: crm-agent: .*no-such-flag/,
  );
  assert.is((await broken.inspect(signal)).condition, 'off');
});

test('a create that is given up takes its child back; one whose agent stops leaves it', async () => {
  const late = hypervisor('late');
  const abort = new AbortController();
  const step = async (name: string) => {
    if (name === 'wait-ready') abort.abort(new Error('not wanted any more'));
  };
  assert.match(await refusal(late.create(change({ signal: abort.signal, step }))), /not wanted any more/);
  assert.is((await late.inspect(signal)).condition, 'off');
  const stop = new AbortController();
  const stopping = async (name: string) => {
    if (name === 'wait-ready') stop.abort(fail(workErrors.STOPPING));
  };
  await refusal(late.create(change({ signal: stop.signal, step: stopping })));
  const pid = pidOf('late');
  assert.ok(await identityOf(pid));
  await hypervisor('late').create(change());
  assert.is(pidOf('late'), pid);
});

test('one is ready when it is connected to its controller, and no longer when that is gone', async () => {
  const controller = new TestController();
  const notifyAddrs = await controller.listen();
  const registered = hypervisor('registered', [], { notifyAddrs, waitRegistered: true });
  await registered.create(change());
  assert.is((await registered.inspect(signal)).condition, 'ready');
  await controller.stop();
  let seen = await registered.inspect(signal);
  while (seen.condition === 'ready') seen = await registered.inspect(signal);
  assert.match(seen.detail, `is not connected to a controller (${notifyAddrs})`);
  await registered.destroy({ force: false, graceMs: 10_000 }, change());
});

test('one with a certificate is asked by TLS', async () => {
  makeTestCa(dir, 'mex-ca');
  const { cert: tls } = makeTestCertificate(dir, 'agent', 'mex-ca', 'DNS:agent.site');
  const secure = hypervisor('secure', [], { tls });
  await secure.create(change());
  assert.is((await secure.inspect(signal)).runningInstances, 0);
  await secure.destroy({ force: false, graceMs: 10_000 }, change());
});

test.run();
