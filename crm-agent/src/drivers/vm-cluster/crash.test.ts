// test: timeout=180s
/**
 * The agent ends at each step of what the driver does, on a host in memory: before or after any change to the host, after
 * which nothing of it happens any more. The next one completes the work, or removes all of it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Disk } from '../../disk.js';
import { testOperation } from '../../testing.js';
import { memoryDisk } from '../../testing-disk.js';
import type { Driver } from '../driver.js';
import { appRequest, clusterRequest, openDriver } from './testing-driver.js';
import { TestingSite } from './testing-site.js';

const root = mkdtempSync(join(tmpdir(), 'vm-cluster-crash-'));
const signal = new AbortController().signal;
const app = appRequest(2);
const cluster = clusterRequest(2);

/** A process that ends after a number of changes. */
class Mortal {
  #left: number;
  readonly steps: string[] = [];

  constructor(left: number) {
    this.#left = left;
  }

  get dead(): boolean {
    return this.#left < 0;
  }

  readonly step = (what: string): void => {
    if (this.dead || --this.#left < 0) throw new Error(`the process ended at ${what}`);
    this.steps.push(what);
  };

  /** As this process has it. */
  mount(disk: Disk): Disk {
    const alive = async (work: () => Promise<void>) => {
      this.step('a record');
      await work();
    };
    return {
      ...disk,
      write: (path, text) => alive(() => disk.write(path, text)),
      remove: (path) => alive(() => disk.remove(path)),
    };
  }
}

interface Case {
  readonly name: string;
  before?(driver: Driver): Promise<void>;
  work(driver: Driver): Promise<void>;
  /** What is asked for again after the crash, if it is to be completed. */
  again(driver: Driver): Promise<void>;
  /** Replicas that serve then. */
  readonly serving: number;
}

const create = async (driver: Driver) => {
  await driver.createClusterInst(cluster, testOperation());
  await driver.createAppInst(app, testOperation());
};
const scale = (nodes: number) => async (driver: Driver) => {
  await driver.updateClusterInst(clusterRequest(nodes), testOperation());
};
const remove = async (driver: Driver) => {
  await driver.deleteAppInst(app.keyJson, testOperation());
  await driver.deleteClusterInst(cluster.keyJson, testOperation());
};

const CASES: readonly Case[] = [
  { name: 'create', work: create, again: create, serving: 2 },
  {
    ...{ name: 'scale up', before: create, work: scale(3), serving: 2 },
    async again(driver) {
      await driver.createClusterInst(clusterRequest(3), testOperation());
      await driver.createAppInst(app, testOperation());
    },
  },
  {
    ...{ name: 'scale down', before: create, work: scale(1), serving: 2 },
    async again(driver) {
      await driver.createClusterInst(clusterRequest(1), testOperation());
      await driver.createAppInst(app, testOperation());
    },
  },
  { name: 'delete', before: create, work: remove, again: remove, serving: 0 },
];

async function serves(site: TestingSite, count: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (site.reached(app.keyJson).length !== count) {
    if (Date.now() > deadline)
      throw new Error(`${site.reached(app.keyJson).length} of ${count} replicas serve`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a case that is cut off after so many steps; false when it ended before. */
async function cutOff(c: Case, steps: number, then: 'complete' | 'remove', dir: string): Promise<boolean> {
  const site = new TestingSite();
  const disk = memoryDisk();
  if (c.before) {
    const first = await openDriver(site, dir, { disk });
    await first.recover(signal);
    await c.before(first);
    await first.stop('keep');
  }
  const process = new Mortal(steps);
  const cut = await openDriver(site, dir, { onEffect: process.step, disk: process.mount(disk) });
  await cut
    .recover(signal)
    .then(() => c.work(cut))
    .catch((error: unknown) => {
      if (!process.dead) throw error;
    });
  const { dead } = process;
  await cut.stop('keep').catch(() => undefined);

  const next = await openDriver(site, dir, { disk });
  try {
    await next.recover(signal);
    if (then === 'complete') {
      await c.again(next);
      await serves(site, c.serving);
    }
    await remove(next);
    assert.equal(site.leftovers(), [], `left after ${process.steps.at(-1)}`);
    assert.equal(await next.recover(signal), { clusterInsts: [], appInsts: [] });
  } finally {
    await next.stop('keep');
  }
  return dead;
}

for (const c of CASES) {
  test(`${c.name}: cut off at each step, it is completed or removed`, async () => {
    let steps = 0;
    for (let more = true; more; steps++) {
      more = false;
      for (const then of ['complete', 'remove'] as const) {
        const dead = await cutOff(c, steps, then, root).catch((error: unknown) => {
          throw new Error(`cut off after ${steps} steps, then ${then}: ${String(error)}`, { cause: error });
        });
        more ||= dead;
      }
    }
    assert.ok(steps > 10, `${steps} steps`);
  });
}
test.after(() => rmSync(root, { recursive: true, force: true }));

test.run();
