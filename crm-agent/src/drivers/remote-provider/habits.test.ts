// test: timeout=120s
/** What providers do to machines and to callers, and what becomes of instances then. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@edgeplane/base';
import { makeTestCa } from '@edgeplane/rpc/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testOperation } from '../../testing.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import { appRequest, FLAVOR, TestingSite, VM } from './testing-driver.js';

const tests = suite('habits of providers');
const signal = new AbortController().signal;
const app = appRequest();
const larger = appRequest(VM, { ...FLAVOR, ram: 512n, vcpus: 2n });

async function eventually(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(condition(), what);
}

const sites: TestingSite[] = [];
async function begin(quirks: ConstructorParameters<typeof TestingSite>[0] = {}): Promise<TestingSite> {
  const site = new TestingSite(quirks);
  sites.push(site);
  await site.provider.start();
  return site;
}
tests.after.each(async () => {
  for (const site of sites.splice(0)) await site.stop();
});

tests('a provider that goes away in the middle of a create is waited for', async () => {
  const site = await begin({ taskPolls: 3 });
  const { provider } = site;
  const driver = await site.open();
  let gone: Promise<void> | undefined;
  provider.onCall = (method) => {
    if (method === 'TaskStatus') gone ??= provider.stop();
  };
  const created = driver.createAppInst(app, testOperation());
  await eventually('it went away', () => gone !== undefined);
  await gone;
  await provider.start();
  // Its task came to nothing, so the machine is made again.
  await created;
  assert.is([...provider.machines.values()].filter(({ on }) => on).length, 1);
  await driver.stop('keep');
});

tests('while it is away instances stay what they are, and users are told', async () => {
  const site = await begin();
  const { provider, troubles } = site;
  const first = await site.open();
  await first.createAppInst(app, testOperation());
  await first.stop('keep');
  await provider.stop();
  const next = await site.open({}, { ...TEST_TIMING, recoverMs: 200, patienceMs: 100 });
  const { appInsts } = await next.recover(signal);
  assert.equal(appInsts, [{ keyJson: app.keyJson, state: 'ready' }]);
  await eventually('it is told', () => /provider .* does not answer/.test(troubles.of(app.keyJson).join()));
  await provider.start();
  await eventually('it is over', () => troubles.of(app.keyJson).length === 0);
  await next.deleteAppInst(app.keyJson, testOperation());
  assert.is(provider.machines.size, 0);
  await next.stop('keep');
});

tests('a machine that is switched off, or deleted, behind our back comes back', async () => {
  const site = await begin();
  const { provider } = site;
  const driver = await site.open();
  await driver.createAppInst(app, testOperation());
  const [machine] = provider.machines.values();
  if (!machine) throw new Error('no machine');
  machine.on = false;
  await eventually('it runs again', () => machine.on);
  provider.machines.clear();
  await eventually('there is another', () => [...provider.machines.values()].some(({ on }) => on));
  const [other] = provider.machines.values();
  await eventually('ports lead to it', () =>
    JSON.stringify(site.ports.served.get(app.keyJson)).includes(`10.9.0.${Number(other?.id) % 250}`),
  );
  await driver.stop('keep');
});

tests('only machines with a name of ours that nobody knows are deleted', async () => {
  const site = await begin();
  const { provider } = site;
  const driver = await site.open();
  await driver.createAppInst(app, testOperation());
  const [machine] = provider.machines.values();
  if (!machine) throw new Error('no machine');
  const add = (id: string, name: string) =>
    provider.machines.set(id, { ...machine, id, request: { ...machine.request, name } });
  add('9001', 'ep-0123456789ab-web-0123456789ab');
  add('9002', 'somebody-elses');
  add('9003', machine.request.name.replace('-web-', '-gone-'));
  add('9004', machine.request.name);
  await driver.recover(signal);
  await eventually('ours are gone', () => !provider.machines.has('9003') && !provider.machines.has('9004'));
  assert.equal([...provider.machines.keys()].sort(), [machine.id, '9001', '9002'].sort());
  await driver.deleteAppInst(app.keyJson, testOperation());
  assert.equal([...provider.machines.keys()].sort(), ['9001', '9002']);
  await driver.stop('keep');
});

tests('an id that was given to another machine is not deleted', async () => {
  const site = await begin();
  const { provider } = site;
  const driver = await site.open();
  await driver.createAppInst(app, testOperation());
  await driver.stop('keep');
  const [machine] = provider.machines.values();
  if (!machine) throw new Error('no machine');
  provider.machines.set(machine.id, { ...machine, request: { ...machine.request, name: 'somebody-elses' } });
  const next = await site.open();
  await next.deleteAppInst(app.keyJson, testOperation());
  assert.equal([...provider.machines.keys()], [machine.id]);
  await next.stop('keep');
});

for (const resizes of ['online', 'off', 'lies'] as const) {
  tests(`another size comes to a provider that resizes ${resizes}`, async () => {
    const site = await begin({ resizes, taskPolls: 2 });
    const driver = await site.open();
    await driver.createAppInst(app, testOperation());
    const [machine] = site.provider.machines.values();
    await driver.updateAppInst(larger, testOperation());
    assert.equal([machine?.cpus, machine?.memoryMib, machine?.on], [2, 512, true]);
    assert.is(site.provider.machines.size, 1);
    await driver.stop('keep');
  });
}

tests('who we are not is refused with its words, and at once', async () => {
  const site = await begin();
  const driver = await site.open();
  writeFileSync(join(site.dir, 'token'), 'wrong');
  const failed = await driver.createAppInst(app, testOperation()).catch(messageOf);
  assert.match(String(failed), /refuses .*token authentication failed/);
  assert.not.match(String(failed), /wrong|s3cr3t/);
  await driver.stop('keep');
});

tests('one with a certificate of somebody else is not spoken to', async () => {
  const site = await begin();
  const timing = { ...TEST_TIMING, patienceMs: 100, recoverMs: 1000 };
  const driver = await site.open({}, timing);
  await driver.stop('keep');
  makeTestCa(site.dir, 'ca');
  const next = await site.open({}, timing);
  const failed = await next.createAppInst(app, testOperation()).catch(messageOf);
  assert.match(String(failed), /does not answer/);
  assert.is(site.provider.machines.size, 0);
  await next.stop('keep');
});

tests('a machine that nobody can reach fails when it is to have public ports, and only then', async () => {
  const site = await begin({ reach: 'nothing' });
  const driver = await site.open({}, { ...TEST_TIMING, upMs: 200 });
  const failed = await driver.createAppInst(app, testOperation()).catch(messageOf);
  assert.match(
    String(failed),
    /port 8081, 8081 cannot be opened: no address of ep-.*-web-.* is told by provider/,
  );
  await driver.createAppInst({ ...app, appInst: { ...app.appInst, mappedPorts: [] } }, testOperation());
  await driver.deleteAppInst(app.keyJson, testOperation());
  assert.is(site.provider.machines.size, 0);
  await driver.stop('keep');
});

tests('one that says it can do nothing at present is waited for, and its words are told', async () => {
  const site = await begin();
  site.provider.fault = 'the pool is offline';
  const impatient = await site.open({}, { ...TEST_TIMING, patienceMs: 100 });
  const failed = await impatient.createAppInst(app, testOperation()).catch(messageOf);
  assert.match(String(failed), /is not ready: the pool is offline/);
  await impatient.stop('keep');
  const driver = await site.open();
  const created = driver.createAppInst(app, testOperation());
  let asked = 0;
  site.provider.onCall = (method) => {
    asked += method === 'Validate' ? 1 : 0;
    if (asked > 3) site.provider.fault = '';
  };
  await created;
  assert.is(site.provider.machines.size, 1);
  await driver.stop('keep');
});

tests.run();
