// test: timeout=180s
/** Killed at each step of each operation, started again and asked again: done once, and nothing is left. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ListBackupsResponse,
  ListOperationsResponse,
  StoragePool,
} from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OperationRecord } from '../work/index.js';
import type { Progress } from './services/messages.js';
import { CAN_MOUNT, Killed, type Life, TestSite } from './testing.js';

const MIB = 1024n ** 2n;
const NO_CONTROLLER = '127.0.0.1:9';

/** Says once for each point that an operation comes to that the process is killed there. */
class Deaths {
  readonly points = new Set<string>();

  readonly at = ({ kind, state, step }: OperationRecord): boolean => {
    const point = `${kind} ${state} ${step}`;
    if (this.points.has(point)) return false;
    this.points.add(point);
    return true;
  };
}

/** Makes a call until it is answered, in as many lives as it takes. */
async function insist(site: TestSite, deaths: Deaths, method: string, request: object): Promise<Progress> {
  for (;;) {
    let life: Life | undefined;
    try {
      life = await site.live(deaths.at);
      const last = (await life.call(method, request)).at(-1);
      assert.ok(last);
      await life.stop();
      return last;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

function poolSettings(site: string): object {
  return CAN_MOUNT
    ? { driver: 'loop', settings: { size: '320MiB' } }
    : { driver: 'dir', settings: { size: '320MiB', path: join(site, 'shared') } };
}

let site: TestSite;
const deaths = new Deaths();

test.before(() => {
  site = new TestSite({});
  const child = { platform: 'fakecloudlet', notify_addrs: NO_CONTROLLER, wait_registered: false };
  const inventory = {
    hypervisors: [
      { id: 'child', driver: 'process', settings: child },
      { id: 'other', driver: 'exec', settings: { program: site.program } },
    ],
    pools: [{ id: 'shared', headroom: '16MiB', ...poolSettings(site.dir) }],
    backup_targets: [{ id: 'disk', path: site.path('backups'), floor_percent: 0 }],
  };
  writeFileSync(site.inventory, JSON.stringify(inventory));
});

test.after(async () => {
  const life = await site.live();
  await life.call('DestroyHypervisor', { id: 'child', force: true });
  await life.stop('stop');
  site.remove();
});

test('hypervisors are brought up once, and taken down', async () => {
  const done = async (method: string, request: object) => {
    const { errorCode, msg } = await insist(site, deaths, method, request);
    assert.is(errorCode, '', msg);
  };
  await done('CreateHypervisor', { id: 'child', requestId: 'up-child' });
  assert.is((await site.children()).length, 1);
  await done('CreateHypervisor', { id: 'other', requestId: 'up-other' });
  assert.is(site.hostFile('other', 'history'), 'created\n');
  await done('DestroyHypervisor', { id: 'other', requestId: 'down-other' });
  await done('DestroyHypervisor', { id: 'child', requestId: 'down-child' });
  assert.is((await site.children()).length, 0);
  // Those of the parents only: the children would have one death for all that run at once.
  const both = { ids: ['child', 'other'] };
  await done('CreateHypervisors', { ...both, requestId: 'up' });
  assert.is((await site.children()).length, 1);
  await done('DestroyHypervisors', { ...both, requestId: 'down' });
  assert.is((await site.children()).length, 0);
  assert.is(site.hostFile('other', 'history'), 'created\ndestroyed\n'.repeat(2));
});

test('a pool grows once and shrinks once', async () => {
  const size = async () => {
    const life = await site.live();
    const [pool] = await life.call<StoragePool>('GetStoragePool');
    await life.stop();
    return pool?.sizeBytes ?? 0n;
  };
  const before = await size();
  const grown = await insist(site, deaths, 'ExpandStorage', { bytes: 200n * MIB, requestId: 'grow' });
  assert.is(grown.result['delta'], String(200n * MIB), grown.msg);
  assert.is(await size(), before + 200n * MIB);
  const shrunk = await insist(site, deaths, 'ShrinkStorage', { bytes: 100n * MIB, requestId: 'shrink' });
  assert.is(BigInt(shrunk.result['delta'] ?? 0), (await size()) - before - 200n * MIB, shrunk.msg);
  assert.ok((await size()) < before + 200n * MIB);
});

test('a backup is made, verified, restored and deleted once, and nothing half-written is left or listed', async () => {
  const life = await site.live();
  const [pool] = await life.call<StoragePool>('GetStoragePool');
  await life.stop();
  const path = pool?.path ?? '';
  mkdirSync(join(path, 'deep'));
  writeFileSync(join(path, 'deep/file'), Buffer.alloc(3_000_000, 7));
  writeFileSync(join(path, 'other'), 'text');
  const made = await insist(site, deaths, 'CreateBackup', { requestId: 'save' });
  assert.is(made.errorCode, '', made.msg);
  const backupId = made.result['backup_id'] ?? '';
  assert.equal(readdirSync(site.path('backups')), [backupId]);
  assert.equal(existsSync(join(path, '.edgeplane')) ? readdirSync(join(path, '.edgeplane')) : [], []);
  await insist(site, deaths, 'VerifyBackup', { backupId, requestId: 'check' });
  const restored = await insist(site, deaths, 'RestoreBackup', {
    backupId,
    path: 'again/here',
    requestId: 'back',
  });
  assert.is(restored.errorCode, '', restored.msg);
  assert.equal(readdirSync(join(path, 'again')), ['here']);
  assert.equal(readdirSync(join(path, 'again/here')).sort(), ['deep', 'other']);
  await insist(site, deaths, 'DeleteBackup', { backupId, force: true, requestId: 'away' });
  assert.equal(readdirSync(site.path('backups')), []);
  const last = await site.live();
  const [listed] = await last.call<ListBackupsResponse>('ListBackups');
  assert.equal(listed?.backups, []);
  // One record for each call, however often it was made, and the two children of those for both.
  const [all] = await last.call<ListOperationsResponse>('ListOperations');
  assert.is(all?.operations.length, 4 + 3 + 3 + 2 + 4);
  assert.ok(all?.operations.every(({ state }) => state === 'COMPLETED'));
  await last.stop();
  assert.ok(deaths.points.size > 45, `${deaths.points.size} points`);
});

test.run();
