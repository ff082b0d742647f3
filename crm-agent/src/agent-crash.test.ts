// test: timeout=600s serial
/** Real agent processes killed at any moment: nothing is lost, and nothing is left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fetchPage, freePort, isOpen, processesOf, sampleImage } from './drivers/local/testing.js';
import { testApp, testAppInst, testCloudletKey, testClusterInst, testFlavor } from './testing.js';
import { TestController } from './testing-controller.js';

const S = TrackedState;
const dir = mkdtempSync(join(tmpdir(), 'edgeplane-crash-'));
const main = fileURLToPath(new URL('main.ts', import.meta.url));

interface Child {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
}

function startAgent(controller: string, name: string, args: readonly string[]): Child {
  const key = OBJECTS.Cloudlet.keyJson(testCloudletKey);
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--conditions=source', main, '--notifyAddrs', controller, '--cloudletKey', key],
      ...['--apiAddr', '127.0.0.1:0', '--state-dir', join(dir, name), ...args],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ready = new Promise<void>((resolve) => {
    child.stderr.on('data', (data: Buffer) => {
      appendFileSync(join(dir, `${name}.log`), data);
      if (data.includes('"Ready"')) resolve();
    });
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { process: child, ready, ended };
}

async function end(child: Child | undefined, signal: NodeJS.Signals): Promise<void> {
  child?.process.kill(signal);
  await child?.ended;
}

async function until(what: string, condition: () => boolean, limitMs = 120_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what}: not met in time; logs are in ${dir}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const fake = suite('crash of an agent with the fake driver');

fake('killed at arbitrary moments, every request is carried out in the end', async () => {
  const random = seededRandom(7);
  const controller = new TestController();
  const address = await controller.listen();
  const { clusterInsts, flavors } = controller.tables;
  flavors.put(testFlavor());
  const args = ['--platform', 'fakecloudlet', '--fake-create-delay', '150ms', '--fake-delete-delay', '150ms'];
  const names = ['a', 'b', 'c', 'd'];
  for (const name of names) clusterInsts.put(testClusterInst({}, name));
  let agent: Child | undefined;
  try {
    for (let round = 0; round < 6; round++) {
      agent = startAgent(address, 'fake', args);
      // From before it is up to after all is done.
      const lifeMs = 400 + random.next() * 800;
      await Promise.race([agent.ended, new Promise((resolve) => setTimeout(resolve, lifeMs))]);
      await end(agent, 'SIGKILL');
      const name = names[round % names.length] ?? '';
      const known = clusterInsts.find(OBJECTS.ClusterInst.key(testClusterInst({}, name)));
      if (known?.state === S.READY) clusterInsts.put({ ...known, state: S.DELETE_REQUESTED });
    }
    agent = startAgent(address, 'fake', args);
    const settled = () => [...clusterInsts.values()].every((c) => c.state === S.READY);
    await until('all is settled', settled);
    for (const instance of [...clusterInsts.values()])
      clusterInsts.put({ ...instance, state: S.DELETE_REQUESTED });
    await until('all is gone', () => clusterInsts.size === 0);
  } finally {
    await end(agent, 'SIGTERM');
    await controller.stop();
  }
});
fake.run();

const local = suite('crash of an agent with the local driver');

local('killed while it creates and while it deletes, real workloads come and go', async () => {
  const images = join(dir, 'images');
  mkdirSync(images);
  copyFileSync(await sampleImage('container/build.mjs'), join(images, 'localhost_edgeplane_hello_1.0.tar'));
  copyFileSync(await sampleImage('guest/build.sh'), join(images, 'guest.qcow2'));
  const controller = new TestController();
  const address = await controller.listen();
  const { clusterInsts, appInsts, apps, flavors } = controller.tables;
  const args = ['--platform', 'local', '--image-dir', images, '--on-stop', 'stop'];
  const [webPort, vmPort] = [await freePort(), await freePort()];
  const web = testApp({ deployment: 'docker', imagePath: 'localhost/edgeplane/hello:1.0' }, 'web');
  const vm = testApp({ deployment: 'vm', imagePath: 'guest.qcow2' }, 'vm');
  const ports = (publicPort: number) => [
    { proto: LProto.L_PROTO_TCP, internalPort: 8080, publicPort, pathPrefix: '', fqdnPrefix: '' },
  ];
  const instances = [
    testAppInst({ mappedPorts: ports(webPort) }, web),
    testAppInst({ mappedPorts: ports(vmPort) }, vm),
  ];
  const all = (state: TrackedState) => [...appInsts.values()].every((i) => i.state === state);
  const some = (state: TrackedState) => [...appInsts.values()].some((i) => i.state === state);
  flavors.put(testFlavor({ ram: 192n }));
  clusterInsts.put(testClusterInst());
  let agent: Child | undefined;
  try {
    agent = startAgent(address, 'local', args);
    await until('cluster', () => [...clusterInsts.values()].every((c) => c.state === S.READY));
    for (const app of [web, vm]) apps.put(app);
    for (const instance of instances) appInsts.put(instance);
    await until('creating', () => some(S.CREATING));
    await end(agent, 'SIGKILL');

    agent = startAgent(address, 'local', args);
    await until('ready', () => all(S.READY));
    assert.match(await fetchPage(webPort), 'env APP_NAME: hello');
    assert.match(await fetchPage(vmPort), 'instance-id: ep-');

    await end(agent, 'SIGKILL');
    assert.ok(await isOpen(webPort), 'workloads go on without the agent');
    agent = startAgent(address, 'local', args);
    await agent.ready;
    await end(agent, 'SIGTERM');
    assert.equal(await processesOf(join(dir, 'local')), [], 'stopped in good order, nothing runs');
    agent = startAgent(address, 'local', args);
    await agent.ready;
    await fetchPage(webPort);
    await fetchPage(vmPort);
    await end(agent, 'SIGTERM');
    assert.equal(await processesOf(join(dir, 'local')), [], 'stopped in good order, nothing runs');

    for (const instance of [...appInsts.values()]) appInsts.put({ ...instance, state: S.DELETE_REQUESTED });
    agent = startAgent(address, 'local', args);
    await until('deleting', () => appInsts.size < 2 || some(S.DELETING));
    await end(agent, 'SIGKILL');
    agent = startAgent(address, 'local', args);
    await until('gone', () => appInsts.size === 0);
    for (const cluster of [...clusterInsts.values()])
      clusterInsts.put({ ...cluster, state: S.DELETE_REQUESTED });
    await until('cluster gone', () => clusterInsts.size === 0);
  } finally {
    await Promise.race([agent?.ready, agent?.ended]);
    await end(agent, 'SIGTERM');
    await controller.stop();
  }
  assert.equal(await processesOf(join(dir, 'local')), []);
  rmSync(dir, { recursive: true, force: true });
});
local.run();
