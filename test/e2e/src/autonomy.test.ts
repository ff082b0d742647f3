// test: timeout=300s serial
/**
 * A site whose host reboots while its controller is down: the agent serves again what it served, and when the controller is
 * back nothing of it is touched.
 */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  eventually,
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
import { containers, reboot } from './reboot.js';
import { buildImages, CLUSTER_ARGS, INSTANCE_ARGS, prepareSite } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const PUBLIC = '127.0.8.1';

const page = async (port: number): Promise<string> =>
  (await fetch(`http://${PUBLIC}:${port}/`, { signal: AbortSignal.timeout(2000) })).text();

test('a rebooted site serves without its controller, and goes on when that is back', async () => {
  const before = await hostSnapshot('/tmp/ep-autonomy');
  const dir = tempDir('autonomy');
  const state = join(dir.path, `agent-${SITE.name}`);
  const store = `lmdb:${join(dir.path, 'store')}`;
  const imageDir = await buildImages(dir.path);
  const flags = [
    '--platform',
    'local',
    '--image-dir',
    imageDir,
    '--public-addr',
    PUBLIC,
    '--on-stop',
    'stop',
  ];
  let controller = await startController(dir.path, store);
  const { notify = '' } = controller.addresses;
  let agent = await startAgent(dir.path, notify, SITE, flags);
  const edgectl = (...args: string[]) =>
    runCommand(
      join(ROOT, 'bin/edgectl'),
      ['--addr', controller.addresses['api'] ?? '', '--output-format', 'json', 'controller', ...args],
      { timeoutMs: 120_000 },
    );
  const shown = async () => (await edgectl('ShowAppInst')).stdout;
  let failure: unknown;
  try {
    await prepareSite(controller.addresses['api'] ?? '');
    for (const create of [
      ['CreateClusterInst', ...CLUSTER_ARGS],
      ['CreateAppInst', ...INSTANCE_ARGS],
    ]) {
      const made = await edgectl(...create);
      assert.is(made.code, 0, made.stderr);
    }
    const port = Number(/"public_port":\s*(\d+)/.exec(await shown())?.[1]);
    assert.match(await eventually('a page', () => page(port)), 'app: hello');
    await eventually('it is remembered', () =>
      readFileSync(join(state, 'mirror/objects.log'), 'utf8').includes('AppInst'),
    );

    controller.kill('SIGKILL');
    await controller.exited;
    agent.kill('SIGKILL');
    await agent.exited;
    await reboot(state);
    // What the driver noted of it is lost as well: only what the controller had sent says what is to run.
    rmSync(join(state, 'local', 'apps'), { recursive: true });

    agent = await startAgent(dir.path, notify, SITE, flags);
    assert.match(await eventually('a page without a controller', () => page(port), 60_000), 'app: hello');
    const served = await eventually('its container', async () => {
      const found = await containers(state);
      return found.length > 0 && found;
    });

    controller = await startController(dir.path, store, ['--notifyAddr', notify]);
    await eventually('the agent is back', async () =>
      (await edgectl('ShowCloudletInfo')).stdout.includes('CloudletStateReady'),
    );
    await eventually('its report', async () => /"container_ids":\s*\[\s*"/.test(await shown()));
    assert.match(await page(port), 'app: hello');
    assert.equal(await containers(state), served, 'it is the same container');
    for (const remove of [
      ['DeleteAppInst', ...INSTANCE_ARGS],
      ['DeleteClusterInst', ...CLUSTER_ARGS],
    ]) {
      const gone = await edgectl(...remove);
      assert.is(gone.code, 0, gone.stderr);
    }
    assert.equal(await containers(state), []);
  } catch (error) {
    failure = error;
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
