// test: timeout=240s
/** A controller on a real etcd that is killed and stopped under it: acknowledged changes stay, operations end well. */
import { join } from 'node:path';
import {
  eventually,
  ROOT,
  runCommand,
  startAgent,
  startController,
  startEtcd,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_ARGS, INSTANCE_ARGS, prepareSite } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const SLOW = ['--platform', 'fakecloudlet', '--fake-create-delay', '2s'];

test('etcd is killed while an instance is created, and stopped for a while before it is deleted', async () => {
  const dir = tempDir('cetcd');
  const etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
  const controller = await startController(dir.path, `etcd:${etcd.url}`);
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, SITE, SLOW);
  const edgectl = (...args: string[]) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', 'controller', ...args]);
  const stateOf = async (call: string) => /"state":\s*"(\w+)"/.exec((await edgectl(call)).stdout)?.[1] ?? '';
  try {
    await prepareSite(api);
    const cluster = edgectl('CreateClusterInst', ...CLUSTER_ARGS);
    await eventually('the agent creates', async () => (await stateOf('ShowClusterInst')) === 'Creating');
    await etcd.kill('SIGKILL');
    await etcd.restart();
    const made = await cluster;
    assert.is(made.code, 0, made.stderr);
    assert.is(await stateOf('ShowClusterInst'), 'Ready');

    const instance = edgectl('CreateAppInst', ...INSTANCE_ARGS);
    await eventually('the agent creates', async () => (await stateOf('ShowAppInst')) === 'Creating');
    etcd.pause();
    // The agent's report comes while etcd is stopped; a call made now fails, and says why.
    const refused = await edgectl(
      'CreateFlavor',
      '--key-name',
      'f',
      '--ram',
      '1',
      '--vcpus',
      '1',
      '--disk',
      '1',
    );
    assert.is(refused.code, 1);
    assert.match(refused.stderr, etcd.url);
    etcd.resume();
    const ready = await instance;
    assert.is(ready.code, 0, ready.stderr);
    assert.is(await stateOf('ShowAppInst'), 'Ready');
    await eventually('the site is usable again', async () =>
      (await edgectl('ShowCloudletInfo')).stdout.includes('CloudletStateReady'),
    );
    for (const [call, args] of [
      ['DeleteAppInst', INSTANCE_ARGS],
      ['DeleteClusterInst', CLUSTER_ARGS],
    ] as const) {
      const gone = await edgectl(call, ...args);
      assert.is(gone.code, 0, gone.stderr);
    }
    const refs = await edgectl('ShowCloudletRefs');
    assert.not.match(refs.stdout, 'used_ram');
    assert.not.match(refs.stdout, '8080');
  } finally {
    await agent.stop();
    await controller.stop();
    await etcd.stop();
    dir.remove();
  }
});

test.run();
