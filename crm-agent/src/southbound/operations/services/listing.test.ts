import { ManualClock, silentLogger } from '@edgeplane/base';
import {
  HypervisorState,
  type ListHypervisorsResponse,
} from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemDisk } from '../../../disk.js';
import { LifeDisk, testLog, testSubmission } from '../../work/testing.js';
import type { Hypervisor, Observation } from '../hypervisors/driver.js';
import { Inspector } from '../hypervisors/inspector.js';
import { shownState } from '../hypervisors/states.js';
import type { HypervisorEntry } from '../inventory.js';
import { TestSite } from '../testing.js';
import type { Managed } from '../work/hypervisor-work.js';
import { KINDS } from '../work/kinds.js';
import { listHypervisors } from './listing.js';

const S = HypervisorState;

const site = new TestSite({});
test.after(() => site.remove());

function managed(id: string, inspect: () => Promise<Observation>): Managed {
  const never = () => Promise.reject(new Error('not asked for'));
  const hypervisor: Hypervisor = {
    driver: 'exec',
    inspect,
    create: never,
    destroy: never,
    release: async () => undefined,
  };
  return { hypervisor, entry: { id } as HypervisorEntry };
}

async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

const facts = { cpus: 64, ramBytes: 1024 ** 4 + 5, storage: true, gpus: [{ brand: 'NVIDIA', model: 'A10' }] };

test('what may be done with a host follows from how it is and what is under way', () => {
  const off = { condition: 'off', detail: 'd' } as const;
  const ready = { condition: 'ready', detail: 'd' } as const;
  const bad = { condition: 'not-ready', detail: 'd' } as const;
  const unknown = { condition: undefined, detail: 'no route' } as const;
  assert.is(shownState(off, undefined).state, S.HYPERVISOR_STATE_AVAILABLE_TO_CREATE);
  assert.is(shownState(ready, undefined).state, S.HYPERVISOR_STATE_AVAILABLE_TO_DESTROY);
  assert.is(shownState(bad, undefined).state, S.HYPERVISOR_STATE_UNKNOWN);
  assert.equal(shownState(unknown, undefined), { state: S.HYPERVISOR_STATE_UNKNOWN, detail: 'no route' });
  for (const known of [off, ready, bad, unknown])
    assert.is(shownState(known, 'op').state, S.HYPERVISOR_STATE_UNKNOWN);
});

test('a list is complete and sorted whatever its hosts do, and keeps what was known of them', async () => {
  const clock = new ManualClock(1000);
  let answer: () => Promise<Observation> = async () => ({
    condition: 'ready',
    detail: 'up',
    facts,
    runningInstances: 3,
  });
  const hypervisors = new Map<string, Managed>([
    ['c', managed('c', () => answer())],
    ['a', managed('a', () => Promise.reject(new Error('no route to host')))],
    ['b', managed('b', () => new Promise(() => undefined))],
    ['d', managed('d', async () => ({ condition: 'off', detail: 'down' }))],
  ]);
  const log = testLog(new LifeDisk().mount(), { clock });
  log.register(KINDS.destroyHypervisor, { run: () => new Promise(() => undefined) });
  await log.start();
  const drivers = new Map([...hypervisors].map(([id, { hypervisor }]) => [id, hypervisor]));
  const options = {
    hypervisors: drivers,
    dir: site.path('facts'),
    disk: systemDisk,
    clock,
    logger: silentLogger,
  };
  const inspector = new Inspector(options);
  await inspector.start();
  const list = () => listHypervisors(hypervisors, inspector, log);
  assert.equal(
    list().map(({ id, state }) => [id, state]),
    ['a', 'b', 'c', 'd'].map((id) => [id, S.HYPERVISOR_STATE_UNKNOWN]),
  );
  while (inspector.get('c')?.known.condition !== 'ready') await turns(1);
  const [a, b, c, d] = list();
  assert.is(a?.stateDetail, 'no route to host');
  assert.is(b?.stateDetail, 'not looked at yet');
  assert.is(d?.state, S.HYPERVISOR_STATE_AVAILABLE_TO_CREATE);
  assert.is(c?.state, S.HYPERVISOR_STATE_AVAILABLE_TO_DESTROY);
  assert.equal([c?.cpu, c?.ram, c?.ramBytes, c?.runningInstances], [64, 1024 ** 2, BigInt(1024 ** 4 + 5), 3]);
  assert.equal(c?.capabilities, [1, 2]);
  assert.is(c?.stateSinceUnixMs, 1000n);

  // Unreachable, and then with an operation on it: still listed, with its size.
  answer = () => Promise.reject(new Error('connection refused'));
  clock.advance(10_000);
  while (inspector.get('c')?.known.condition !== undefined) await turns(1);
  assert.equal(
    [list()[2]?.state, list()[2]?.cpu, list()[2]?.stateDetail],
    [S.HYPERVISOR_STATE_UNKNOWN, 64, 'connection refused'],
  );
  const { id } = await log.submit(testSubmission({ kind: KINDS.destroyHypervisor, subject: 'd', lanes: [] }));
  assert.equal([list()[3]?.state, list()[3]?.operationId], [S.HYPERVISOR_STATE_UNKNOWN, id]);

  // However often one is asked for, it is looked at once in a while.
  const waiting = clock.pending;
  for (let i = 0; i < 3; i++) inspector.refresh('d');
  await turns();
  assert.is(clock.pending, waiting);

  // A later life knows the sizes before it has asked anybody.
  const later = new Inspector(options);
  await later.start();
  assert.is(listHypervisors(hypervisors, later, log)[2]?.cpu, 64);
});

test('a thousand hosts are listed from memory', async () => {
  const hypervisors = Array.from({ length: 1000 }, (_, i) => ({
    id: `bm-${String(i).padStart(4, '0')}`,
    driver: 'exec',
    settings: { program: site.program },
  }));
  const big = new TestSite({ hypervisors });
  const life = await big.live();
  try {
    await life.call<ListHypervisorsResponse>('ListHypervisors');
    const before = process.cpuUsage();
    for (let i = 0; i < 20; i++) {
      const [listed] = await life.call<ListHypervisorsResponse>('ListHypervisors');
      assert.is(listed?.hypervisors.length, 1000);
    }
    const { user, system } = process.cpuUsage(before);
    const each = (user + system) / 20 / 1000;
    assert.ok(each < 100, `${each} ms of processor time each`);
  } finally {
    await life.stop();
    big.remove();
  }
});

test.run();
