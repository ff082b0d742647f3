// test: timeout=300s
/** kill -9 of the agent and of the controller in the middle of a create, then a restart: nothing lost, nothing leaked. */
import { join } from 'node:path';
import {
  eventually,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_ARGS, INSTANCE_ARGS, prepareSite } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const SLOW = ['--platform', 'fakecloudlet', '--fake-create-delay', '3s'];

function edgectl(api: string, ...args: string[]) {
  return runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', ...args], {
    cwd: ROOT,
  });
}

async function stateOf(api: string, call: string): Promise<string> {
  const shown = await edgectl(api, 'controller', call);
  return /"state":\s*"(\w+)"/.exec(shown.stdout)?.[1] ?? '';
}

test('an agent killed while it creates finishes the work after its restart', async () => {
  const dir = tempDir('crash');
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  let agent = await startAgent(dir.path, notify, SITE, SLOW);
  try {
    await prepareSite(api);
    const create = edgectl(api, 'controller', 'CreateClusterInst', ...CLUSTER_ARGS);
    await eventually('the agent creates', async () => (await stateOf(api, 'ShowClusterInst')) === 'Creating');
    agent.kill('SIGKILL');
    await agent.exited;
    agent = await startAgent(dir.path, notify, SITE, SLOW);
    const made = await create;
    assert.is(made.code, 0, made.stderr);
    assert.is(await stateOf(api, 'ShowClusterInst'), 'Ready');
    const gone = await edgectl(api, 'controller', 'DeleteClusterInst', ...CLUSTER_ARGS);
    assert.is(gone.code, 0, gone.stderr);
    assert.is(await stateOf(api, 'ShowClusterInst'), '');
  } finally {
    await agent.stop();
    await controller.stop();
    dir.remove();
  }
});

test('a controller killed while an instance is created has it Ready after its restart, and can delete it', async () => {
  const dir = tempDir('crash');
  const store = `lmdb:${join(dir.path, 'store')}`;
  let controller: Running = await startController(dir.path, store);
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, SITE, SLOW);
  try {
    await prepareSite(api);
    const cluster = await edgectl(api, 'controller', 'CreateClusterInst', ...CLUSTER_ARGS);
    assert.is(cluster.code, 0, cluster.stderr);
    const create = edgectl(api, 'controller', 'CreateAppInst', ...INSTANCE_ARGS);
    await eventually('the agent creates', async () => (await stateOf(api, 'ShowAppInst')) === 'Creating');
    controller.kill('SIGKILL');
    await controller.exited;
    assert.is((await create).code, 1, 'the caller is told');
    controller = await startController(dir.path, store, ['--apiAddr', api, '--notifyAddr', notify]);
    await eventually(
      'Ready after the restart',
      async () => (await stateOf(api, 'ShowAppInst')) === 'Ready',
      60_000,
    );
    const refs = await edgectl(api, 'controller', 'ShowCloudletRefs');
    assert.match(refs.stdout, '"8080": 1');
    for (const [call, args] of [
      ['DeleteAppInst', INSTANCE_ARGS],
      ['DeleteClusterInst', CLUSTER_ARGS],
    ] as const) {
      const gone = await edgectl(api, 'controller', call, ...args);
      assert.is(gone.code, 0, gone.stderr);
    }
    const after = await edgectl(api, 'controller', 'ShowCloudletRefs');
    assert.not.match(after.stdout, '8080');
    assert.not.match(after.stdout, 'used_ram');
  } finally {
    await agent.stop();
    await controller.stop();
    dir.remove();
  }
});

test.run();
