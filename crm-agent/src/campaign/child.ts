/**
 * An agent's driver of platform vm-cluster on this very host, for one piece of work; `dieAt` is the change to host or disk at
 * which it kills itself. Says how many changes there were.
 */
import { silentLogger } from '@edgeplane/base';
import { systemDisk } from '../disk.js';
import { hostEngines } from '../drivers/vm-cluster/host-engines.js';
import { VmClusterDriver } from '../drivers/vm-cluster/index.js';
import { appRequest, clusterRequest } from '../drivers/vm-cluster/testing-driver.js';
import { testDriverContext, testFlavor, testOperation } from '../testing.js';
import { toldDisk, toldEngines } from './told-engines.js';
import type { ChildTask, Work } from './work.js';

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
let changes = 0;
const told = (what: string) => {
  changes += 1;
  if (changes !== task.dieAt) return;
  process.stdout.write(`died at ${what}\n`);
  process.kill(process.pid, 'SIGKILL');
};

const flavor = testFlavor({ ram: 448n, vcpus: 1n, disk: 2n });
const cluster = (nodes: number) => ({ ...clusterRequest(nodes, 0), flavor });
const app = appRequest(1, task.port);
const operation = testOperation();

const WORKS: Readonly<Record<Work, (driver: VmClusterDriver) => Promise<unknown>>> = {
  async create(driver) {
    await driver.createClusterInst(cluster(1), operation);
    await driver.createAppInst(app, operation);
  },
  async 'scale up'(driver) {
    // What is half done is completed by asking for it again.
    await driver.createClusterInst(cluster(1), operation);
    await driver.updateClusterInst(cluster(2), operation);
    await driver.createAppInst(app, operation);
  },
  async 'scale down'(driver) {
    await driver.updateClusterInst(cluster(1), operation);
    await driver.createAppInst(app, operation);
  },
  async delete(driver) {
    await driver.deleteAppInst(app.keyJson, operation);
    await driver.deleteClusterInst(cluster(1).keyJson, operation);
  },
};

const driver = new VmClusterDriver({
  cpuOvercommit: 8,
  nodeImage: task.nodeImage,
  engines: async (context, owner, images) => toldEngines(await hostEngines(context, owner, images), told),
});
const signal = new AbortController().signal;
const { stateDir, imageDir, publicAddr } = task;
const disk = toldDisk(systemDisk, told);
const context = testDriverContext({ stateDir, imageDir, publicAddr, disk, logger: silentLogger });
await driver.init(context, signal);
await driver.recover(signal);
await WORKS[task.work](driver);
await driver.stop(task.last ? 'stop' : 'keep');
process.stdout.write(`done ${changes}\n`);
process.exit(0);
