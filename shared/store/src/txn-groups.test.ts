import { fail, isKind } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkRequest } from './check-request.js';
import { storeConformance } from './conformance.js';
import { del, put, rejection } from './conformance-subject.js';
import { MemoryStore, type Op, type Store, storeErrors, type TxnRequest, type TxnResult } from './index.js';
import { TxnGroups } from './txn-groups.js';

/** A memory store whose transactions go through groups. */
function grouped(store: MemoryStore): Store {
  const groups = new TxnGroups((request) => store.txn(request));
  return {
    kind: store.kind,
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    listPages: (prefix) => store.listPages(prefix),
    txn: async (request) => {
      checkRequest(request);
      return groups.txn(request);
    },
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    lease: (ttlSeconds) => store.lease(ttlSeconds),
    close: () => store.close(),
  };
}

storeConformance(test, 'groups on memory', async () => {
  const store = grouped(new MemoryStore());
  return { store, cleanup: () => store.close() };
});

/** Groups over a store that answers when it is told to; `sent` are the requests as the store gets them. */
function held() {
  const store = new MemoryStore();
  const sent: TxnRequest[] = [];
  const waiting: (() => void)[] = [];
  const groups = new TxnGroups(async (request) => {
    sent.push(request);
    await new Promise<void>((resolve) => waiting.push(resolve));
    return store.txn(request);
  });
  const answerAll = async () => {
    for (let idle = 0; idle < 20; ) {
      const next = waiting.shift();
      if (next) next();
      idle = next ? 0 : idle + 1;
      await Promise.resolve();
    }
  };
  return { store, sent, groups, answerAll };
}

const create = (key: string, value = key): TxnRequest => ({
  compare: [{ key, revision: 0 }],
  ops: [put(key, value), put('guard', '1')],
});

test('what waits at the same time goes as one and shares its revision', async () => {
  const { sent, groups, answerAll } = held();
  const results = Promise.all(Array.from({ length: 50 }, (_, i) => groups.txn(create(`k${i}`))));
  await answerAll();
  const revisions = new Set((await results).map((r) => r.succeeded && r.revision));
  assert.is(sent.length, 3);
  assert.is(revisions.size, 3);
  assert.is(sent[2]?.ops.length, 49, 'the same blind write is made once');
});

test('one that fails does not take others along', async () => {
  const { store, groups, answerAll } = held();
  await store.txn({ ops: [put('k3', 'theirs')] });
  const results = Promise.all(Array.from({ length: 6 }, (_, i) => groups.txn(create(`k${i}`))));
  await answerAll();
  assert.equal(
    (await results).map((r) => r.succeeded),
    [true, true, true, false, true, true],
  );
  assert.is((await store.get('k3')).entry?.value, 'theirs');
});

test('what has to do with each other is not put together', async () => {
  const { sent, groups, answerAll } = held();
  const ops = (...list: Op[]) => groups.txn({ ops: list });
  const results = Promise.all([
    ops(put('first', '')),
    ops(put('second', '')),
    ops(put('a', '1')),
    ops(put('a', '2')),
    ops(del('a')),
    groups.txn({ compare: [{ key: 'a', revision: 0 }], ops: [put('b', '1')] }),
    ops(put('c', '1')),
    ops(put('large', 'x'.repeat(300_000))),
  ]);
  await answerAll();
  await results;
  assert.equal(
    sent.map((request) => request.ops.map((op) => op.key).join()),
    ['first', 'second', 'a,c', 'a', 'a', 'b', 'large'],
  );
});

test('an unclear outcome is that of every member; a group that is too large is taken apart', async () => {
  const outcomes = async (failure: Error) => {
    let groupsSent = 0;
    const store = new MemoryStore();
    const groups = new TxnGroups(async (request) => {
      await Promise.resolve();
      if (request.ops.length <= 2) return store.txn(request);
      groupsSent += 1;
      throw failure;
    });
    const all = Array.from({ length: 8 }, (_, i) => groups.txn({ ops: [put(`k${i}`, '')] }));
    const results = await Promise.allSettled(all);
    return { groupsSent, failed: results.filter((r) => r.status === 'rejected').length };
  };
  const unclear = fail(storeErrors.WRITE_UNCERTAIN, { store: 's', reason: 'cut' });
  assert.equal(await outcomes(unclear), { groupsSent: 1, failed: 6 });
  const tooLarge = fail(storeErrors.TXN_INVALID, { rule: 'too many operations' });
  assert.equal(await outcomes(tooLarge), { groupsSent: 1, failed: 0 });
});

test('a put with a lease goes alone', async () => {
  const { store, groups, sent, answerAll } = held();
  const lease = await store.lease(5);
  await lease.revoke();
  const good = [1, 2, 3, 4].map((i) => groups.txn({ ops: [put(`k${i}`, '')] }));
  const bad = rejection(groups.txn({ ops: [put('l', '', lease)] }));
  await answerAll();
  assert.ok(isKind(await bad, storeErrors.LEASE_LOST));
  assert.ok((await Promise.all(good)).every((r) => r.succeeded));
  assert.ok(sent.some((request) => request.ops.length === 1 && request.ops[0]?.key === 'l'));
});

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const anyOp = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    key: fc.constantFrom(...KEYS),
    value: fc.constantFrom('1', '2'),
  }),
  fc.record({ type: fc.constant('delete' as const), key: fc.constantFrom(...KEYS) }),
);
const anyRequest = fc.record({
  ops: fc.uniqueArray(anyOp, { minLength: 1, maxLength: 3, selector: (o) => o.key }),
  /** Compared with the revision known at the start, which is 0 for half of the keys. */
  compared: fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 2 }),
});

/** What the store holds: key to value and revision. */
type State = Map<string, { readonly value: string; readonly revision: number }>;

function holds(state: State, { compare = [] }: TxnRequest): boolean {
  return compare.every(({ key, revision }) => (state.get(key)?.revision ?? 0) === revision);
}

test('concurrent transactions end as in some serial order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRequest, { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.nat(3)),
      async (drafts, delays) => {
        const store = new MemoryStore();
        const start = await store.txn({ ops: KEYS.slice(0, 3).map((key) => put(key, '0')) });
        const state: State = new Map((await store.list('')).entries.map((e) => [e.key, e]));
        const pause = async () => {
          for (let n = delays.next().value ?? 0; n > 0; n--) await Promise.resolve();
        };
        const groups = new TxnGroups(async (request) => {
          await pause();
          const result = await store.txn(request);
          await pause();
          return result;
        });
        const requests = drafts.map(({ ops, compared }): TxnRequest => {
          const compare = compared.map((key) => ({ key, revision: state.get(key)?.revision ?? 0 }));
          return { ops, compare };
        });
        const done = await Promise.all(
          requests.map(async (request): Promise<{ request: TxnRequest; result: TxnResult }> => {
            await pause();
            return { request, result: await groups.txn(request) };
          }),
        );
        // By revision, and backwards among those that share one: their order must not matter.
        const byRevision = [...done].reverse();
        const newest = Math.max(start.revision, ...done.map(({ result }) => result.revision));
        for (let at = start.revision; at <= newest; at++) {
          const now = byRevision.filter(({ result }) => result.revision === at);
          const before: State = new Map(state);
          for (const op of now.flatMap(({ request, result }) => (result.succeeded ? request.ops : []))) {
            if (op.type === 'delete') state.delete(op.key);
            else state.set(op.key, { value: op.value, revision: at });
          }
          for (const { request, result } of now) {
            // One that had nothing to write may have come after those that did.
            const held = holds(before, request) || holds(state, request);
            if (result.succeeded) assert.ok(held, 'one succeeded whose compares did not hold');
            else assert.not(holds(state, request), 'one failed whose compares held');
          }
        }
        assert.equal(
          (await store.list('')).entries.map((e) => [e.key, e.value, e.revision]),
          [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, v.value, v.revision]),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test.run();
