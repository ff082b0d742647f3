// test: timeout=180s
/** The driver's decisions, on a host in memory; test/e2e has real machines. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testOperation } from '../../testing.js';
import { driverConformance } from '../conformance.js';
import type { AppInstRequest } from '../driver.js';
import { appRequest, clusterRequest, openDriver } from './testing-driver.js';
import { TestingSite } from './testing-site.js';

const root = mkdtempSync(join(tmpdir(), 'vm-cluster-'));
const signal = new AbortController().signal;
let count = 0;
const newDir = () => join(root, String(count++));

const conformance = suite('vm-cluster driver conformance');
const shared = { site: new TestingSite(), dir: newDir() };
driverConformance(conformance, () => {
  const app = appRequest(2);
  const { site } = shared;
  return {
    open: () => openDriver(site, shared.dir),
    cluster: clusterRequest(2),
    app,
    changedApp: {
      ...app,
      app: { ...app.app, configs: [{ kind: 'envVarsYaml', config: '- { name: A, value: b }' }] },
    },
    impossibleApp: { request: appRequest(1, 8081, 'localhost/no/such:1'), names: /localhost\/no\/such/ },
    async check(request: AppInstRequest, expected) {
      if (expected === 'gone') {
        const names = [...site.machines.values()].flatMap((m) => [...m.workloads.keys()]);
        assert.equal([names, site.ports.get(request.keyJson)], [[], undefined]);
        return;
      }
      const changed = request.app.configs.length > 0;
      await until(() => {
        const reached = site.reached(request.keyJson);
        const right = reached.filter((r) => 'yaml' in r.spec && r.spec.yaml.includes('name: A') === changed);
        return new Set(right.map((r) => r.machine)).size === 2;
      });
    },
  };
});
conformance.run();

async function until(condition: () => boolean, clock?: ManualClock): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not come to be');
    clock?.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const life = suite('vm-cluster driver');

async function withCluster(
  nodes: number,
  body: (
    site: TestingSite,
    driver: Awaited<ReturnType<typeof openDriver>>,
    clock: ManualClock,
  ) => Promise<void>,
): Promise<void> {
  const site = new TestingSite();
  const clock = new ManualClock();
  const driver = await openDriver(site, newDir(), { clock });
  await driver.recover(signal);
  await driver.createClusterInst(clusterRequest(nodes), testOperation());
  try {
    await body(site, driver, clock);
  } finally {
    await driver.deleteClusterInst(clusterRequest(nodes).keyJson, testOperation());
    await driver.stop('keep');
  }
  assert.equal(site.leftovers(), []);
}

const machinesOf = (site: TestingSite) =>
  [...site.machines.keys()].map((id) => id.replace(/^.*?-(master|node)/, '$1')).sort();
const placesOf = (site: TestingSite, app: AppInstRequest) =>
  site
    .reached(app.keyJson)
    .map(({ machine }) => machine.replace(/^.*?-(master|node)/, '$1'))
    .sort();

life('replicas spread over nodes, not masters, and grow and shrink with the cluster', () =>
  withCluster(2, async (site, driver) => {
    const app = appRequest(2);
    await driver.createAppInst(app, testOperation());
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1', 'node-2-g1']);
    assert.equal(placesOf(site, app), ['node-1-g1', 'node-2-g1']);
    await driver.updateClusterInst(clusterRequest(3), testOperation());
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1', 'node-2-g1', 'node-3-g1']);
    assert.equal(placesOf(site, app), ['node-1-g1', 'node-2-g1'], 'what runs stays');
    const other = { ...appRequest(1, 9090), keyJson: '{"other":1}' };
    await driver.createAppInst(
      { ...other, app: { ...other.app, key: { ...other.app.key, name: 'other' } } } as AppInstRequest,
      testOperation(),
    );
    assert.equal(placesOf(site, other), ['node-3-g1']);
    await driver.updateClusterInst(clusterRequest(1), testOperation());
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1']);
    assert.equal(placesOf(site, app), ['node-1-g1', 'node-1-g1']);
    assert.equal(placesOf(site, other), ['node-1-g1']);
    await driver.deleteAppInst(app.keyJson, testOperation());
    await driver.deleteAppInst(other.keyJson, testOperation());
    assert.is(site.ports.size, 0);
  }),
);

life('a cluster does not shrink to where there is no room, and then goes on as it was', () =>
  withCluster(2, async (site, driver) => {
    const app = appRequest(5);
    await driver.createAppInst(app, testOperation());
    const refused = await driver.updateClusterInst(clusterRequest(1), testOperation()).then(
      () => '',
      (error: Error) => error.message,
    );
    assert.match(refused, /no node of the cluster has room for replica . of .*: it needs 96 MB/);
    assert.is(placesOf(site, app).length, 5);
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1', 'node-2-g1']);
    await driver.updateClusterInst(clusterRequest(2), testOperation());
  }),
);

life('a node whose machine ends is started again, with what it ran', () =>
  withCluster(2, async (site, driver, clock) => {
    const app = appRequest(2);
    await driver.createAppInst(app, testOperation());
    const id = [...site.machines.keys()].find((name) => name.includes('node-1')) ?? '';
    site.kill(id);
    await until(() => site.ports.get(app.keyJson)?.[0]?.backends.length === 1, clock);
    await until(() => placesOf(site, app).length === 2, clock);
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1', 'node-2-g1']);
  }),
);

life('a node that does not come back is replaced, and its replicas go elsewhere', () =>
  withCluster(2, async (site, driver, clock) => {
    const app = appRequest(2);
    await driver.createAppInst(app, testOperation());
    const machine = [...site.machines].find(([name]) => name.includes('node-1'))?.[1];
    assert.ok(machine);
    machine.answers = false;
    await until(() => machinesOf(site).includes('node-1-g2'), clock);
    await until(() => placesOf(site, app).length === 2, clock);
    assert.equal(placesOf(site, app), ['node-2-g1', 'node-2-g1']);
    const workloads = [...site.machines]
      .filter(([name]) => !name.includes('node-2'))
      .flatMap(([, m]) => [...m.workloads.keys()]);
    assert.equal(workloads, []);
  }),
);

life('a node that waits for room on the host is neither cut off nor replaced, and nobody is led to it', () =>
  withCluster(2, async (site, driver, clock) => {
    const app = appRequest(2);
    await driver.createAppInst(app, testOperation());
    const machine = [...site.machines].find(([name]) => name.includes('node-1'))?.[1];
    assert.ok(machine);
    machine.waits = true;
    await until(() => site.ports.get(app.keyJson)?.[0]?.backends.length === 1, clock);
    const later = clock.monotonic() + 600_000;
    await until(() => clock.monotonic() > later, clock);
    assert.equal(machinesOf(site), ['master-1-g1', 'node-1-g1', 'node-2-g1']);
    machine.waits = false;
    await until(() => site.ports.get(app.keyJson)?.[0]?.backends.length === 2, clock);
  }),
);

life('a node whose disk has lost something when it was cut off is replaced', () =>
  withCluster(2, async (site, driver, clock) => {
    const app = appRequest(2);
    await driver.createAppInst(app, testOperation());
    const [id, machine] = [...site.machines].find(([name]) => name.includes('node-1')) ?? [];
    assert.ok(id !== undefined && machine);
    machine.damaged = true;
    site.kill(id);
    await until(() => machinesOf(site).includes('node-1-g2'), clock);
    await until(() => placesOf(site, app).length === 2, clock);
  }),
);

life('after a reboot of the host everything is made to run again, without being asked for', async () => {
  const site = new TestingSite();
  const dir = newDir();
  const app = appRequest(2);
  const before = await openDriver(site, dir);
  await before.recover(signal);
  await before.createClusterInst(clusterRequest(2), testOperation());
  await before.createAppInst(app, testOperation());
  await before.stop('keep');
  for (const id of site.machines.keys()) site.kill(id);
  site.networks.clear();
  const after = await openDriver(site, dir);
  try {
    const { clusterInsts, appInsts } = await after.recover(signal);
    assert.equal(
      [...clusterInsts, ...appInsts].map(({ state }) => state),
      ['ready', 'ready'],
    );
    await until(() => placesOf(site, app).length === 2);
    assert.equal(placesOf(site, app), ['node-1-g1', 'node-2-g1']);
    await after.deleteAppInst(app.keyJson, testOperation());
    await after.deleteClusterInst(clusterRequest(2).keyJson, testOperation());
  } finally {
    await after.stop('keep');
  }
  assert.equal(site.leftovers(), []);
});

life('what cannot be is refused by name', () =>
  withCluster(1, async (_site, driver) => {
    const small = { ...clusterRequest(1), flavor: undefined };
    const reason = (work: Promise<void>) =>
      work.then(
        () => '',
        (error: Error) => error.message,
      );
    assert.match(await reason(driver.updateClusterInst(small, testOperation())), /flavor small has no vcpus/);
    assert.match(
      await reason(driver.createClusterInst(clusterRequest(400), testOperation())),
      /at most 253 nodes, but 401/,
    );
    const helm = appRequest(1);
    const bad = { ...helm, app: { ...helm.app, deployment: 'helm' } };
    assert.match(
      await reason(driver.createAppInst(bad, testOperation())),
      /deployment helm is not supported/,
    );
  }),
);
life.after(() => rmSync(root, { recursive: true, force: true }));
life.run();
