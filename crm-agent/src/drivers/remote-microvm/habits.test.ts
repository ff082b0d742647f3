// test: timeout=180s
/** Hosts that fail and come back, agents that end at each step, and what is left to others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { messageOf } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { testClusterInst, testOperation } from '../../testing.js';
import { mortalDisk } from '../remote/testing-disk.js';
import { TEST_TIMING } from '../remote/testing-timing.js';
import { NO_SUCH_IMAGE } from './testing-host.js';
import { APP, appRequest, TestingHosts } from './testing-hosts.js';

const tests = suite('habits of hosts');
const signal = new AbortController().signal;
const app = appRequest();

async function eventually(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(condition(), what);
}

const sites: TestingHosts[] = [];
async function begin(quirks: ConstructorParameters<typeof TestingHosts>[0]): Promise<TestingHosts> {
  const site = new TestingHosts(quirks);
  sites.push(site);
  await site.start();
  return site;
}
tests.after.each(async () => {
  for (const site of sites.splice(0)) await site.stop();
});

tests('machines spread over hosts, stay where they are, and leave one that is away for another', async () => {
  const site = await begin([{}, { dialect: '2021' }, {}]);
  const [a, , c] = site.hosts;
  await c?.stop();
  const driver = await site.open();
  const requests = ['c1', 'c2', 'c3', 'c4'].map((name) => appRequest(APP, testClusterInst({}, name)));
  for (const request of requests) await driver.createAppInst(request, testOperation());
  assert.equal(
    site.hosts.map(({ microvms }) => microvms.size),
    [2, 2, 0],
  );
  const addresses = new Set(site.all().map(({ address }) => address));
  assert.is(addresses.size, 4, 'each has an address of its own');
  await c?.start();
  // Made again from the same request: it stays.
  for (const request of requests) await driver.createAppInst(request, testOperation());
  assert.is(a?.microvms.size, 2);
  for (const request of requests) await driver.deleteAppInst(request.keyJson, testOperation());
  assert.is(site.all().length, 0);
  await driver.stop('keep');
});

tests('what a host made whose answer was lost is removed when another has taken its place', async () => {
  const site = await begin([{ losesEvery: 1 }, {}]);
  const driver = await site.open();
  await driver.recover(signal);
  for (const name of ['c1', 'c2', 'c3'])
    await driver.createAppInst(appRequest(APP, testClusterInst({}, name)), testOperation());
  const [a, b] = site.hosts;
  await eventually('nothing is left', () =>
    [...(a?.microvms.values() ?? [])].every(({ state }) => state === 3),
  );
  assert.is(b?.microvms.size, 3);
  await driver.stop('keep');
});

tests(
  "what is of another namespace is nobody's business; what is of ours and not known is deleted",
  async () => {
    const site = await begin([{}]);
    const [host] = site.hosts;
    const driver = await site.open();
    await driver.createAppInst(app, testOperation());
    const [microvm] = site.all();
    if (!microvm || !host) throw new Error('no microVM');
    const current = (id: string, namespace: string) =>
      ({ ...microvm.current, id, namespace }) as typeof microvm.current;
    for (const [uid, name, namespace] of [
      ['foreign', microvm.name, 'default'],
      ['stray', 'gone-0123456789ab', microvm.namespace],
      ['duplicate', microvm.name, microvm.namespace],
    ] as const)
      host.microvms.set(uid, {
        ...microvm,
        uid,
        name,
        namespace,
        ...{ current: current(name, namespace) },
      } as never);
    await driver.recover(signal);
    await eventually('ours are gone', () => host.microvms.size === 2);
    assert.equal([...host.microvms.keys()].sort(), [microvm.uid, 'foreign'].sort());
    await driver.stop('keep');
  },
);

tests('why a host gave up is told, also when it does not say', async () => {
  for (const [tells, reason] of [
    [true, /manifest unknown/],
    [false, /it was tried 11 times, and the host does not say what is wrong/],
  ] as const) {
    const site = await begin([{ tells }]);
    const driver = await site.open();
    const request = appRequest({ ...APP, imagePath: NO_SUCH_IMAGE });
    const failed = await driver.createAppInst(request, testOperation()).catch(messageOf);
    assert.match(String(failed), reason);
    await driver.deleteAppInst(request.keyJson, testOperation());
    assert.is(site.all().length, 0);
    await driver.stop('keep');
  }
});

tests('while its host is away an instance stays what it is; deleted by others it comes back', async () => {
  const site = await begin([{}]);
  const [host] = site.hosts;
  const first = await site.open();
  await first.createAppInst(app, testOperation());
  await first.stop('keep');
  await host?.stop();
  const next = await site.open({}, { ...TEST_TIMING, recoverMs: 200, patienceMs: 100 });
  assert.equal((await next.recover(signal)).appInsts, [{ keyJson: app.keyJson, state: 'ready' }]);
  await eventually('it is told', () => /host .* does not answer/.test(site.troubles.of(app.keyJson).join()));
  await host?.start();
  await eventually('it is over', () => site.troubles.of(app.keyJson).length === 0);
  host?.microvms.clear();
  await eventually('there is another', () => site.all().some(({ state }) => state === 1));
  await next.stop('keep');
});

tests('what was on a host that is not configured any more is made on another', async () => {
  const site = await begin([{}, {}]);
  const first = await site.open();
  await first.createAppInst(app, testOperation());
  await first.stop('keep');
  const [was, other] = site.hosts[0]?.microvms.size === 1 ? [0, 1] : [1, 0];
  await site.hosts[was]?.stop();
  const file = JSON.stringify({ ...parse(readFileSync(site.hostsFile, 'utf8')) }, (key, value) =>
    key === 'hosts' ? value.filter((_: unknown, at: number) => at === other) : value,
  );
  writeFileSync(site.hostsFile, file);
  const next = await site.open();
  assert.equal((await next.recover(signal)).appInsts, [{ keyJson: app.keyJson, state: 'ready' }]);
  assert.is(site.hosts[other]?.microvms.size, 1);
  await next.deleteAppInst(app.keyJson, testOperation());
  assert.is(site.hosts[other]?.microvms.size, 0);
  await next.stop('keep');
});

tests('with no host left it fails and says why', async () => {
  const site = await begin([{}, {}]);
  for (const host of site.hosts) await host.stop();
  const driver = await site.open({}, { ...TEST_TIMING, patienceMs: 50 });
  const failed = await driver.createAppInst(app, testOperation()).catch(messageOf);
  assert.match(String(failed), /none of 2 hosts takes web-.*ECONNREFUSED/);
  await driver.deleteAppInst(app.keyJson, testOperation());
  await driver.stop('keep');
});

for (const dialect of ['current', '2021'] as const) {
  tests(`an agent that ends at each step leaves nothing behind at hosts of ${dialect}`, async () => {
    const site = await begin([{ dialect, looks: 1 }, { dialect }]);
    let cuts = 0;
    for (const last of ['create', 'delete'] as const) {
      for (const when of ['before', 'after'] as const) {
        for (let deathAt = 1, died = true; died; deathAt++) {
          site.newState();
          const run = async (driver: Awaited<ReturnType<typeof site.open>>, step: typeof last) =>
            step === 'create'
              ? driver.createAppInst(app, testOperation())
              : driver.deleteAppInst(app.keyJson, testOperation());
          const first = await site.open();
          if (last === 'delete') await run(first, 'create');
          await first.stop('keep');
          const mortal = mortalDisk(deathAt, when);
          const dying = await site.open({ disk: mortal.disk }).catch(() => undefined);
          if (dying) await run(dying, last).catch(() => undefined);
          await dying?.stop('keep');
          died = mortal.died();
          cuts += died ? 1 : 0;
          const next = await site.open();
          await next.recover(signal);
          await run(next, last);
          await eventually('as asked', () => site.all().length === (last === 'create' ? 1 : 0));
          assert.is(site.ports.served.size, last === 'create' ? 1 : 0);
          await run(next, 'delete');
          await eventually('all is gone', () => site.all().length === 0);
          await next.stop('keep');
        }
      }
    }
    assert.ok(cuts > 10, `${cuts} steps`);
  });
}

tests.run();
