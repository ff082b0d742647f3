import { text } from 'node:stream/consumers';
import { EdgeplaneError, type StatusName } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_SIZE } from '../exec/shell.js';
import { testOperation } from '../testing.js';
import type { AppInstRequest, ClusterInstRequest, Driver, InstanceState, Recovered } from './driver.js';

/** What the suite needs to exercise one driver. */
export interface ConformanceSetup {
  /** A driver on the state of the same site each time; initialised. The suite stops it. */
  open(): Promise<Driver>;
  readonly cluster: ClusterInstRequest;
  readonly app: AppInstRequest;
  /** The same App, made from another request: another image, command or port. */
  readonly changedApp: AppInstRequest;
  /** A request that cannot succeed, and what its error has to name. */
  readonly impossibleApp: { readonly request: AppInstRequest; readonly names: RegExp } | undefined;
  /** Throws when the instance does not serve, or, with `gone`, when anything of it is left. */
  check(app: AppInstRequest, expected: 'serves' | 'gone'): Promise<void>;
}

type Suite = ReturnType<typeof suite>;

/** The driver of one test, which may go and come again. */
class Site {
  readonly setup: ConformanceSetup;
  driver: Driver;

  private constructor(setup: ConformanceSetup, driver: Driver) {
    this.setup = setup;
    this.driver = driver;
  }

  static async open(setup: ConformanceSetup): Promise<Site> {
    return new Site(setup, await setup.open());
  }

  async restart(workloads: 'keep' | 'stop'): Promise<Driver> {
    await this.driver.stop(workloads);
    this.driver = await this.setup.open();
    return this.driver;
  }
}

/**
 * What every driver has to do, whatever it drives: operations repeat, survive being cut off at any step, and leave
 * nothing. Each test starts and ends with an empty site.
 */
export function driverConformance(tests: Suite, setup: () => ConformanceSetup): void {
  const run = (name: string, body: (driver: Driver, s: ConformanceSetup, site: Site) => Promise<void>) => {
    tests(name, async () => {
      const s = setup();
      const site = await Site.open(s);
      try {
        assert.equal(await site.driver.recover(signal()), EMPTY, 'the site is empty before');
        await body(site.driver, s, site);
      } finally {
        await site.driver.deleteAppInst(s.app.keyJson, testOperation());
        await site.driver.deleteClusterInst(s.cluster.keyJson, testOperation());
        await site.driver.stop('keep');
      }
      await s.check(s.app, 'gone');
    });
  };

  run('gathers limits and at least one flavor', async (driver) => {
    const info = await driver.gatherInfo(signal());
    assert.ok(info.ram > 0n && info.vcores > 0n && info.disk > 0n);
    assert.ok(info.flavors.length > 0 && info.flavors.every((f) => f.name !== ''));
  });

  run('creates, serves, describes and deletes; each repeated', async (driver, s) => {
    for (let round = 0; round < 2; round++) {
      await driver.createClusterInst(s.cluster, testOperation());
      await driver.createAppInst(s.app, testOperation());
      await s.check(s.app, 'serves');
      await driver.appInstRuntime(s.app.keyJson, signal());
      if (driver.capabilities.exec && s.app.app.deployment !== 'vm') await checkShell(driver, s.app.keyJson);
    }
    for (let round = 0; round < 2; round++) {
      await driver.deleteAppInst(s.app.keyJson, testOperation());
      await s.check(s.app, 'gone');
      await driver.deleteClusterInst(s.cluster.keyJson, testOperation());
    }
    await rejects(driver.appInstRuntime(s.app.keyJson, signal()), /not present/);
  });

  run('measures what it runs; counters do not go back', async (driver, s) => {
    await rejects(driver.measure(s.app.keyJson, signal()), /not present/);
    await driver.createClusterInst(s.cluster, testOperation());
    await driver.createAppInst(s.app, testOperation());
    const first = await driver.measure(s.app.keyJson, signal());
    await s.check(s.app, 'serves');
    const second = await driver.measure(s.app.keyJson, signal());
    for (const usage of [first, second]) {
      const figures = Object.values(usage).filter((figure) => figure !== undefined);
      assert.ok(figures.length > 0 && figures.every((figure) => Number.isFinite(figure) && figure >= 0));
    }
    for (const counter of COUNTERS)
      assert.ok((second[counter] ?? 0) >= (first[counter] ?? 0), `${counter} goes up`);
    assert.equal(Object.keys(second).sort(), Object.keys(first).sort(), 'the same can be measured');
  });

  run('a create from another request replaces what is there', async (driver, s) => {
    await driver.createClusterInst(s.cluster, testOperation());
    await driver.createAppInst(s.app, testOperation());
    await driver.createAppInst(s.changedApp, testOperation());
    await s.check(s.changedApp, 'serves');
  });

  run('an update replaces what was made from another request, or changes nothing', async (driver, s) => {
    await driver.createClusterInst(s.cluster, testOperation());
    await driver.createAppInst(s.app, testOperation());
    const updates = [1, 2].map(() => () => driver.updateAppInst(s.changedApp, testOperation()));
    let refused = false;
    for (const update of updates) {
      await update().catch((error: unknown) => {
        refused = isKindOfStatus(error, 'UNIMPLEMENTED');
        if (!refused) throw error;
      });
    }
    await s.check(refused ? s.app : s.changedApp, 'serves');
  });

  for (const workloads of ['keep', 'stop'] as const) {
    run(`a new driver finds what an earlier one made and left to ${workloads}`, async (driver, s, site) => {
      await driver.createClusterInst(s.cluster, testOperation());
      await driver.createAppInst(s.app, testOperation());
      const next = await site.restart(workloads);
      assert.equal(states(await next.recover(signal())), { clusters: ['ready'], apps: ['ready'] });
      await s.check(s.app, 'serves');
      await next.createAppInst(s.app, testOperation());
      await s.check(s.app, 'serves');
      await next.deleteAppInst(s.app.keyJson, testOperation());
      await next.deleteClusterInst(s.cluster.keyJson, testOperation());
      assert.equal(await next.recover(signal()), EMPTY);
    });
  }

  run('a create that was cut off is completed by the next one', async (driver, s) => {
    await driver.createClusterInst(s.cluster, testOperation());
    for (let step = 0; step < 6; step++) {
      const cut = new AbortController();
      let left = step;
      const operation = {
        signal: cut.signal,
        progress: () => {
          if (left-- === 0) cut.abort(new Error('cut off'));
        },
      };
      await driver.createAppInst(s.app, operation).catch(() => undefined);
    }
    await driver.createAppInst(s.app, testOperation());
    await s.check(s.app, 'serves');
  });

  run('a delete that was cut off is completed by the next one', async (driver, s) => {
    await driver.createClusterInst(s.cluster, testOperation());
    await driver.createAppInst(s.app, testOperation());
    await driver.deleteAppInst(s.app.keyJson, testOperation(AbortSignal.abort())).catch(() => undefined);
    await driver.deleteAppInst(s.app.keyJson, testOperation());
    await s.check(s.app, 'gone');
  });

  run('what cannot be made fails with a reason and can be deleted', async (driver, s) => {
    if (!s.impossibleApp) return;
    const { request, names } = s.impossibleApp;
    await driver.createClusterInst(s.cluster, testOperation());
    await rejects(driver.createAppInst(request, testOperation()), names);
    await driver.deleteAppInst(request.keyJson, testOperation());
    await s.check(request, 'gone');
  });

  run('deleting what was never there succeeds', async (driver, s) => {
    await driver.deleteAppInst(s.app.keyJson, testOperation());
    await driver.deleteClusterInst(s.cluster.keyJson, testOperation());
  });

  run('instances are told apart by their whole key', async (driver, s) => {
    const other = {
      ...s.cluster,
      clusterInst: { ...s.cluster.clusterInst, key: withDeveloper(s.cluster, 'other developer') },
    };
    const request = { ...other, keyJson: OBJECTS.ClusterInst.keyJsonOf(other.clusterInst) };
    await driver.createClusterInst(s.cluster, testOperation());
    await driver.createClusterInst(request, testOperation());
    await driver.deleteClusterInst(s.cluster.keyJson, testOperation());
    assert.equal(
      (await driver.recover(signal())).clusterInsts.map((c) => c.keyJson),
      [request.keyJson],
    );
    await driver.deleteClusterInst(request.keyJson, testOperation());
  });
}

const COUNTERS = ['cpuNanos', 'diskReadBytes', 'diskWriteBytes', 'netInBytes', 'netOutBytes'] as const;

const EMPTY: Recovered = { clusterInsts: [], appInsts: [] };

function signal(): AbortSignal {
  return new AbortController().signal;
}

function states(found: Recovered): { clusters: InstanceState[]; apps: InstanceState[] } {
  return { clusters: found.clusterInsts.map((i) => i.state), apps: found.appInsts.map((i) => i.state) };
}

function withDeveloper(request: ClusterInstRequest, developer: string) {
  const { key } = request.clusterInst;
  if (!key) throw new Error('the request has no key');
  return { ...key, developer };
}

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.match(outcome instanceof Error ? outcome.message : 'no failure', pattern);
}

/** A command without a terminal: its own bytes, and its status. */
async function checkShell(driver: Driver, keyJson: string): Promise<void> {
  const asked = { keyJson, containerId: '', plain: true };
  const start = await driver.prepareShell({ ...asked, command: 'echo hello' });
  const shell = await start(DEFAULT_SIZE, new AbortController().signal);
  assert.is(await text(shell.output), 'hello\n');
  assert.equal(await shell.ended, { code: 0 });
  await shell.close();
  await rejects(
    driver.prepareShell({ ...asked, command: '', containerId: 'nosuch' }),
    /nosuch is not present/,
  );
  await rejects(driver.prepareShell({ ...asked, command: '', keyJson: '{}' }), /not present/);
}

function isKindOfStatus(error: unknown, status: StatusName): boolean {
  return error instanceof EdgeplaneError && error.status === status;
}
