import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { collect, type DefineSubjectTest, upTo } from './conformance-subject.js';
import type { Op, TxnRequest, WatchEvent } from './store.js';

const KEYS = ['m/a', 'm/b', 'm/c/d', 'm/é', 'n/a'];

const op = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key: fc.constantFrom(...KEYS), value: fc.string() }),
  fc.record({ type: fc.constant('delete' as const), key: fc.constantFrom(...KEYS) }),
);
const ops = fc.uniqueArray(op, { maxLength: 4, selector: (o) => o.key });
/** A compare holds or not, by choice: `true` takes the revision the model has. */
const compare = fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), holds: fc.boolean() }), {
  maxLength: 2,
  selector: (c) => c.key,
});
const steps = fc.array(fc.record({ ops, compare }), { minLength: 1, maxLength: 25 });

/** A store as simple as can be. */
class Model {
  readonly state = new Map<string, { value: string; revision: number }>();
  readonly history = new Map<number, string[]>();
  revision: number;

  constructor(revision: number) {
    this.revision = revision;
  }

  txn(request: TxnRequest): boolean {
    const held = (request.compare ?? []).every((c) => (this.state.get(c.key)?.revision ?? 0) === c.revision);
    if (!held) return false;
    const revision = this.revision + 1;
    const events = request.ops.flatMap((o) => this.#apply(o, revision));
    if (events.length > 0) {
      this.revision = revision;
      this.history.set(revision, events.sort());
    }
    return true;
  }

  #apply(o: Op, revision: number): string[] {
    if (o.type === 'put') {
      this.state.set(o.key, { value: o.value, revision });
      return [`${o.key}=${o.value}`];
    }
    return this.state.delete(o.key) ? [`${o.key} deleted`] : [];
  }
}

const eventText = (e: WatchEvent) =>
  e.type === 'put' ? `${e.entry.key}=${e.entry.value}` : `${e.key} deleted`;

export function modelTests(define: DefineSubjectTest): void {
  define('random transactions give the state and the history of a simple model', async ({ store }) => {
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        for (const { key } of (await store.list('')).entries) {
          await store.txn({ ops: [{ type: 'delete', key }] });
        }
        const start = (await store.get('m/a')).revision;
        const model = new Model(start);
        for (const step of run) {
          const request = {
            ops: step.ops,
            compare: step.compare.map(({ key, holds }) => ({
              key,
              revision: (model.state.get(key)?.revision ?? 0) + (holds ? 0 : 1),
            })),
          };
          const expected = model.txn(request);
          assert.equal(await store.txn(request), { succeeded: expected, revision: model.revision });
        }
        const { entries, revision } = await store.list('');
        assert.is(revision, model.revision);
        assert.equal(
          entries.map((e) => [e.key, e.value, e.revision]),
          KEYS.flatMap((key) => {
            const held = model.state.get(key);
            return held ? [[key, held.value, held.revision]] : [];
          }),
        );
        if (model.revision === start) return;
        const batches = await collect(store, '', start, upTo(model.revision));
        assert.equal(
          batches.map((b) => [b.revision, b.events.map(eventText).sort()]),
          [...model.history],
        );
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
}
