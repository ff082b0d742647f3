// test: timeout=180s
/** The agent ends at every step of what it does; the next one completes or removes what there is, and there is one of it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testOperation } from '../../testing.js';
import { mortalDisk } from '../remote/testing-disk.js';
import { appRequest, clusterRequest, FLAVOR, TestingSite, VM } from './testing-driver.js';

const signal = new AbortController().signal;

const app = appRequest();
const larger = appRequest(VM, { ...FLAVOR, ram: 512n });
const cluster = clusterRequest(1);

const WORK = {
  'a create': { before: [], last: ['create'] },
  'a resize': { before: ['create'], last: ['update'] },
  'a delete': { before: ['create'], last: ['delete'] },
} as const;
type Step = (typeof WORK)[keyof typeof WORK]['last'][number];

const tests = suite('an agent that ends at each step');
const site = new TestingSite({ duplicates: true, taskPolls: 2, resizes: 'off' });
const { provider, ports } = site;
tests.before(() => provider.start());
tests.after(() => site.stop());
for (const [name, { before, last }] of Object.entries(WORK)) {
  tests(`${name} is cut off at each step`, async () => {
    let cuts = 0;
    for (const when of ['before', 'after'] as const) {
      for (let deathAt = 1, died = true; died; deathAt++) {
        site.newState();
        const first = await site.open();
        await first.recover(signal);
        const run = async (driver: typeof first, step: Step) => {
          if (step === 'create') {
            await driver.createClusterInst(cluster, testOperation());
            await driver.createAppInst(app, testOperation());
          } else if (step === 'update') await driver.updateAppInst(larger, testOperation());
          else {
            await driver.deleteAppInst(app.keyJson, testOperation());
            await driver.deleteClusterInst(cluster.keyJson, testOperation());
          }
        };
        for (const step of before) await run(first, step);
        await first.stop('keep');

        const mortal = mortalDisk(deathAt, when);
        const dying = await site.open({ disk: mortal.disk }).catch(() => undefined);
        for (const step of last)
          await dying
            ?.recover(signal)
            .then(() => run(dying, step))
            .catch(() => undefined);
        await dying?.stop('keep');
        died = mortal.died();
        cuts += died ? 1 : 0;

        const next = await site.open();
        await next.recover(signal);
        for (const step of last) await run(next, step);
        const wanted = name === 'a delete' ? 0 : 2;
        await eventually(() => provider.machines.size === wanted);
        assert.is([...provider.machines.values()].filter(({ on }) => on).length, wanted);
        assert.is(ports.served.size, wanted === 0 ? 0 : 1);
        await run(next, 'delete');
        await eventually(() => provider.machines.size === 0);
        assert.is(ports.served.size, 0);
        await next.stop('keep');
      }
    }
    assert.ok(cuts > 5, `${cuts} steps`);
  });
}
tests.run();

/** Duplicates are removed by whoever looks for leftovers, now and again. */
async function eventually(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(condition(), 'not in time');
}
