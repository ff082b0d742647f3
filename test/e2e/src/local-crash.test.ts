// test: timeout=420s serial
/**
 * Real containers and a real virtual machine: the agent is killed with -9 while it creates them, at several moments,
 * and started again. In the end everything serves, and after the deletes the host is as it was.
 */

import { createSocket } from 'node:dgram';
import { request } from 'node:http';
import { join } from 'node:path';
import { sleep, systemClock } from '@edgeplane/base';
import {
  eventually,
  freePort,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  ROOT,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImages, CLUSTER_ARGS, instanceArgs, prepareSite } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const PUBLIC = '127.0.7.1';
/** Moments after the create was accepted, milliseconds: chosen to fall into different steps of it. */
const MOMENTS = [50, 400, 1200];

function page(port: number, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host: PUBLIC, port, path, timeout: 2000, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      res.on('end', () => {
        if (res.statusCode === 200) resolve(text);
        else reject(new Error(`status ${res.statusCode}`));
      });
    });
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', reject);
    req.end();
  });
}

/** The sample image sends every datagram back. */
function udpEcho(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const cancel = systemClock.after(2000, () => {
      socket.close();
      reject(new Error('no datagram came back'));
    });
    socket.on('message', (message) => {
      cancel();
      socket.close();
      resolve(message.toString().trim());
    });
    socket.send('ping\n', port, PUBLIC);
  });
}

test('an agent killed while it creates loses nothing and leaks nothing', async () => {
  const before = await hostSnapshot('/tmp/ep-local');
  const dir = tempDir('local');
  const imageDir = await buildImages(dir.path);
  const httpPort = await freePort();
  const flags = [
    '--platform',
    'local',
    '--image-dir',
    imageDir,
    '--public-addr',
    PUBLIC,
    '--http-port',
    String(httpPort),
    '--on-stop',
    'stop',
  ];
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  let agent = await startAgent(dir.path, notify, SITE, flags);
  const edgectl = (...args: string[]) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', 'controller', ...args], {
      timeoutMs: 300_000,
    });
  const shown = async (app: string) => (await edgectl('ShowAppInst', '--key-appkey-name', app)).stdout;
  let failure: unknown;
  try {
    await prepareSite(api, 'tcp:8080,udp:8080,http:8080');
    const cluster = await edgectl('CreateClusterInst', ...CLUSTER_ARGS);
    assert.is(cluster.code, 0, cluster.stderr);
    for (const app of ['web', 'vm']) {
      for (const moment of MOMENTS) {
        const create = edgectl('CreateAppInst', ...instanceArgs(app));
        await eventually(`${app} is asked for`, async () => (await shown(app)).includes('"state"'));
        await sleep(systemClock, moment);
        agent.kill('SIGKILL');
        await agent.exited;
        agent = await startAgent(dir.path, notify, SITE, flags);
        const made = await create;
        assert.is(made.code, 0, `${app} after ${moment} ms: ${made.stderr}`);
        const port = Number(/"public_port":\s*(\d+)/.exec(await shown(app))?.[1]);
        assert.match(await eventually('a page', () => page(port), 120_000), /instance-id|app: hello/);
        if (app === 'web') {
          assert.is(await eventually('an echo', () => udpEcho(port)), 'ping');
          const path = /"path_prefix":\s*"([^"]+)"/.exec(await shown(app))?.[1] ?? '';
          assert.match(await eventually('a path', () => page(httpPort, `/${path}/`)), 'app: hello');
        }
        const gone = await edgectl('DeleteAppInst', ...instanceArgs(app));
        assert.is(gone.code, 0, gone.stderr);
        assert.is(await shown(app), '');
      }
    }
    const ghost = await edgectl('CreateAppInst', ...instanceArgs('ghost'));
    assert.is(ghost.code, 1);
    assert.match(ghost.stderr, /Create App Inst failed: .*localhost\/edgeplane\/ghost:1\.0/);
    assert.is(await shown('ghost'), '', 'an instance without image was undone');
    const gone = await edgectl('DeleteClusterInst', ...CLUSTER_ARGS);
    assert.is(gone.code, 0, gone.stderr);
    const workloads = (await hostSnapshot(dir.path)).processes.filter((p) =>
      /qemu-system|conmon|nginx/.test(p),
    );
    assert.equal(workloads, [], 'workloads outlived their delete');
  } catch (error) {
    failure = error;
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
