// test: timeout=120s
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKind } from '@edgeplane/base';
import type {
  ListOperationsResponse,
  Operation,
} from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { OperationState } from '@edgeplane/proto/southbound/isard/operations/v1/operations.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { operationsErrors } from '../errors.js';
import { type Life, TestSite } from '../testing.js';
import type { Progress } from './messages.js';

const MIB = 1024n ** 2n;
const site = new TestSite({});
let life: Life;

test.before(async () => {
  const exec = (id: string, more: object = {}) => ({
    ...{ id, driver: 'exec', settings: { program: site.program }, ...more },
  });
  const inventory = {
    hypervisors: [exec('a'), exec('b'), exec('late', { create_timeout_seconds: 1 })],
    pools: [
      { id: 'plain', driver: 'dir', headroom: 0, settings: { size: '200MiB', path: site.path('pool') } },
    ],
  };
  writeFileSync(site.inventory, JSON.stringify(inventory));
  life = await site.live();
});

test.after(async () => {
  await life.stop();
  site.remove();
});

/** While it is there, the program of a host does not come to its end. */
const hold = (id: string) => join(site.stateDir, 'hypervisors', id, 'hold');

async function underWay(subject: string): Promise<readonly Operation[]> {
  const [listed] = await life.call<ListOperationsResponse>('ListOperations', { subject, underWay: true });
  return listed?.operations ?? [];
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const states = (messages: readonly Progress[]) => messages.map(({ state }) => state);
const { OPERATION_STATE_SCHEDULED, OPERATION_STATE_COMPLETED, OPERATION_STATE_FAILED } = OperationState;

test('calls for one host take turns, the same call joins, and each hears of its own operation', async () => {
  await life.call('CreateHypervisor', { id: 'a' });
  await life.call('DestroyHypervisor', { id: 'a' });
  writeFileSync(hold('a'), '');
  const calls = [
    life.call('CreateHypervisor', { id: 'a' }),
    life.call('CreateHypervisor', { id: 'a' }),
    life.call('DestroyHypervisor', { id: 'a' }),
    life.call('CreateHypervisor', { id: 'b' }),
  ];
  const other = await calls[3];
  assert.is(other?.at(-1)?.state, OPERATION_STATE_COMPLETED);
  assert.is((await underWay('a')).length, 2);
  rmSync(hold('a'));
  const [first, joined, destroyed] = await Promise.all(calls);
  assert.is(first?.[0]?.operationId, joined?.[0]?.operationId);
  assert.match(destroyed?.[0]?.msg ?? '', /^queued \(op=[0-9A-Z]{26}, position=2\)$/);
  assert.is(destroyed?.at(-1)?.msg, 'hypervisor a is down');
  assert.is(site.hostFile('a', 'history'), 'created\ndestroyed\ncreated\ndestroyed\n');
});

test('an operation is cancelled, and one that takes too long fails, each saying at which step', async () => {
  writeFileSync(hold('a'), '');
  const creating = life.call('CreateHypervisor', { id: 'a', requestId: 'cancelled' });
  await until(async () => (await underWay('a'))[0]?.step === 'program-create');
  await life.call('CancelOperation', { id: (await underWay('a'))[0]?.id ?? '' });
  const cancelled = (await creating).at(-1);
  assert.is(cancelled?.errorCode, 'CANCELLED');
  assert.match(cancelled?.msg ?? '', 'cancelled at step "program-create"');
  // A repeat is answered from the record, and does nothing.
  const again = await life.call('CreateHypervisor', { id: 'a', requestId: 'cancelled' });
  assert.equal(states(again), [OPERATION_STATE_FAILED]);
  rmSync(hold('a'));
  await life.call('CreateHypervisor', { id: 'late' });
  await life.call('DestroyHypervisor', { id: 'late' });
  writeFileSync(hold('late'), '');
  const late = (await life.call('CreateHypervisor', { id: 'late' })).at(-1);
  assert.is(late?.msg, 'gave up after 1 s, at step "program-create"');
});

test('two expansions with keys of their own are two; a shrink gives back what there is, and then nothing', async () => {
  const grow = (requestId: string) => life.call('ExpandStorage', { bytes64: 5n * MIB, requestId });
  const [one, two, same] = await Promise.all([grow('x'), grow('y'), grow('x')]);
  assert.is(one.at(-1)?.result['size'], String(205n * MIB));
  assert.is(two.at(-1)?.result['size'], String(210n * MIB));
  assert.equal(same.at(-1), one.at(-1));
  const all = (await life.call('ShrinkStorage', { bytes64: 2n ** 60n })).at(-1);
  assert.is(all?.result['delta'], String(-210n * MIB), all?.msg);
  const none = (await life.call('ShrinkStorage', { bytes: 1n })).at(-1);
  assert.is(none?.state, OPERATION_STATE_COMPLETED);
  assert.match(none?.msg ?? '', /^nothing released; size=0 used=0 free=0 delta=0$/);
});

test('what is wrong with a request is in the stream, or the status where that is wanted', async () => {
  const refused = await life.call('CreateHypervisor', { id: 'nobody' });
  assert.equal(states(refused), [OPERATION_STATE_SCHEDULED, OPERATION_STATE_FAILED]);
  await life.stop();
  life = await site.live(undefined, true);
  const status = (method: string, request: object) =>
    life.call(method, request).then(
      () => undefined,
      (error: unknown) => error,
    );
  assert.ok(isKind(await status('CreateHypervisor', { id: 'nobody' }), operationsErrors.UNKNOWN_HYPERVISOR));
  assert.ok(isKind(await status('ExpandStorage', {}), operationsErrors.SIZE_TOO_SMALL));
  assert.ok(isKind(await status('CreateHypervisors', { ids: [] }), operationsErrors.NO_ID));
});

test.run();
