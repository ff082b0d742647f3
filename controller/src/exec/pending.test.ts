import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Outcome, type Pending, PendingTable } from './pending.js';

const message = (over: Partial<ExecRequest>): ExecRequest => ({
  appInstKey: undefined,
  ...{ command: '', containerId: '', offer: '', answer: '', err: '', requestId: '', plain: false },
  ...over,
});

function add(table: PendingTable, offer: string, agents: bigint[], relays: bigint[] = []) {
  const outcomes: Outcome[] = [];
  const pending: Pending = table.add(offer, (outcome) => outcomes.push(outcome));
  for (const agent of agents) pending.agents.add(agent);
  for (const relay of relays) pending.relays.add(relay);
  return { pending, outcomes };
}

test('an answer is found by request id, or by the offer that older agents repeat', () => {
  const table = new PendingTable('t', 10);
  const one = add(table, 'same', [1n]);
  const two = add(table, 'same', [1n]);
  assert.is.not(one.pending.offer, two.pending.offer);
  table.reply(message({ offer: two.pending.offer, answer: 'second' }), 1n);
  table.reply(message({ offer: 'whatever', requestId: one.pending.id, answer: 'first' }), 1n);
  assert.equal(
    [one.outcomes, two.outcomes],
    [[{ kind: 'answer', answer: 'first' }], [{ kind: 'answer', answer: 'second' }]],
  );
  assert.is(table.size, 0);
});

test('who was not asked cannot answer, nor a reply that says nothing', () => {
  const table = new PendingTable('t', 10);
  const { pending, outcomes } = add(table, 'o', [1n]);
  table.reply(message({ requestId: pending.id, answer: 'forged' }), 2n);
  table.reply(message({ requestId: pending.id }), 1n);
  assert.equal(outcomes, []);
});

test('a refusal is final when it is the word of the last agent of the cloudlet', () => {
  const table = new PendingTable('t', 10);
  const two = add(table, 'o', [1n, 2n], [3n]);
  table.reply(message({ offer: 'o', err: 'gone' }), 1n);
  table.reply(message({ offer: 'o', err: 'not here' }), 3n);
  assert.equal(two.outcomes, []);
  table.disconnected(2n);
  assert.equal(two.outcomes, [{ kind: 'refused', text: 'gone; not here' }]);
});

test('behind relays there may always be another agent, until they are gone', () => {
  const table = new PendingTable('t', 10);
  const refused = add(table, 'a', [], [1n, 2n]);
  const lost = add(table, 'b', [1n]);
  table.reply(message({ offer: 'a', err: 'not here' }), 1n);
  table.disconnected(1n);
  assert.equal(lost.outcomes, [{ kind: 'lost' }]);
  assert.equal(refused.outcomes, []);
  table.disconnected(2n);
  assert.equal(refused.outcomes, [{ kind: 'refused', text: 'not here' }]);
});

test('no more wait than may', () => {
  const table = new PendingTable('t', 1);
  const { pending } = add(table, 'a', [1n]);
  assert.throws(() => add(table, 'b', [1n]), /1 offers already wait/);
  table.remove(pending);
  add(table, 'b', [1n]);
});

test('replies never cross, whatever the offers and the order', () => {
  const entry = fc.record({
    offer: fc.constantFrom('', 'a', 'a ', 'b'),
    byId: fc.boolean(),
    peer: fc.bigInt(0n, 2n),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (entries, order) => {
      const table = new PendingTable('t', 100);
      const asked = entries.map((e, i) => ({ ...e, i, ...add(table, e.offer, [e.peer]) }));
      const left = [...asked];
      while (left.length > 0) {
        const [next] = left.splice((order.next().value ?? 0) % left.length, 1);
        if (!next) break;
        const named = next.byId ? { requestId: next.pending.id } : { offer: next.pending.offer };
        table.reply(message({ ...named, answer: `to ${next.i}` }), next.peer);
      }
      for (const { i, outcomes } of asked) assert.equal(outcomes, [{ kind: 'answer', answer: `to ${i}` }]);
      assert.is(table.size, 0);
    }),
  );
});

test.run();
