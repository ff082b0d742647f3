// test: timeout=240s
/** Upgrades of stored data on a real etcd, by the functions and by controllers that are killed in the middle. */
import { join } from 'node:path';
import { launch } from '@edgeplane/base';
import {
  dump,
  load,
  oldData,
  upgradeConformance,
  upgradedData,
} from '@edgeplane/controller/upgrade-conformance';
import { EtcdStore, type Op } from '@edgeplane/store';
import {
  type Etcd,
  eventually,
  ROOT,
  runCommand,
  startController,
  startEtcd,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const dir = tempDir('upgrade');
let etcd: Etcd;
/** Version 2: the newest whose AppInsts are of the oldest form. */
const OLD = '52e6980599cd59bbbd0de8d5f4d53d4b';

test.before(async () => {
  etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
});
test.after(async () => {
  await etcd.stop();
  dir.remove();
});

async function wipe(store: EtcdStore): Promise<void> {
  const { entries } = await store.list('');
  for (let i = 0; i < entries.length; i += 100) {
    await store.txn({ ops: entries.slice(i, i + 100).map(({ key }): Op => ({ type: 'delete', key })) });
  }
}

upgradeConformance(test, 'etcd', async () => {
  const store = new EtcdStore([etcd.url]);
  const second = new EtcdStore([etcd.url]);
  const cleanup = async () => {
    await wipe(store);
    await store.close();
    await second.close();
  };
  return { store, second, cleanup };
});

test('controllers refuse old data, and upgrade it when told to, however often they are killed', async () => {
  const MANY = 3000;
  const store = new EtcdStore([etcd.url]);
  const spec = `etcd:${etcd.url}`;
  try {
    await load(store, oldData(MANY), OLD);
    const refused = await startController(dir.path, spec, [], 'refused').then(
      () => 'started',
      (error: Error) => error.message,
    );
    assert.match(refused, /data mode upgrade required: .* version 2 .* --auto-upgrade/);

    const ports = ['--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0'];
    const args = ['--store', spec, '--autoUpgrade', ...ports];
    const version = async () => (await store.get('1/Version')).entry?.value;
    for (const kill of [1, 2]) {
      const before = await version();
      const name = `killed-${kill}`;
      const run = launch({ name, command: join(ROOT, 'bin/controller'), args });
      await eventually('the upgrade gets on', async () => {
        const now = await version();
        return now !== before || now === upgradedData(0)['1/Version'];
      });
      run.kill('SIGKILL');
      await run.exited;
    }
    const controller = await startController(dir.path, spec, ['--autoUpgrade']);
    const shown = await runCommand(join(ROOT, 'bin/edgectl'), [
      ...[
        '--addr',
        controller.addresses['api'] ?? '',
        '--output-format',
        'json',
        'controller',
        'ShowAppInst',
      ],
    ]);
    await controller.stop();
    assert.is(shown.stdout.split('"cluster_inst_key"').length - 1, MANY, shown.stderr);
    // A killed controller that had come that far is still registered.
    const { entries } = await store.list('1/Controller/');
    const ops = entries.map(({ key }): Op => ({ type: 'delete', key }));
    await store.txn({ ops });
    // Refs are counted at every start; older data has none of clusters, nor a name of its own.
    const added = (key: string) => key.startsWith('1/ClusterRefs/') || key === 'edgeplane/1/identity';
    const data = Object.entries(await dump(store)).filter(([key]) => !added(key));
    assert.equal(Object.fromEntries(data), upgradedData(MANY));
  } finally {
    await store.close();
  }
});

test.run();
