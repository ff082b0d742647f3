import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  afterTidying,
  allLayers,
  chainOf,
  headOf,
  newHeads,
  nextTidying,
  type Snapshot,
  withHeads,
} from './layers.js';
import type { VmRecord } from './vm-record.js';

const test = suite('layers of disks');

const empty: VmRecord = {
  version: 2,
  spec: { id: 'a', cpus: 1, memoryMib: 16, image: '/i', nics: [], extraDisks: [{ name: 'x', sizeMib: 1 }] },
  extraBases: {},
};
const heads = (record: VmRecord) => ({ boot: headOf(record, 'boot'), 'data-x': headOf(record, 'data-x') });

function snapshot(record: VmRecord, name: string): VmRecord {
  const layers = heads(record);
  const next = newHeads(record, layers);
  const { cpus, memoryMib } = record.spec;
  const taken: Snapshot = {
    name,
    createdAt: 0,
    layers,
    shape: { cpus, memoryMib, boot: { cpus, memoryMib, plugged: [] } },
    sizes: {},
  };
  return withHeads({ ...next.record, snapshots: [...(record.snapshots ?? []), taken] }, next.heads, layers);
}

function revert(record: VmRecord, { layers }: Snapshot): VmRecord {
  const next = newHeads(record, layers);
  return withHeads(next.record, next.heads, layers);
}

/** Does all there is to do on a model of the files: which writes each layer holds. */
function tidy(from: VmRecord, pinned: ReadonlySet<string>, files: Map<string, Set<number>>): VmRecord {
  let record = from;
  for (let next = nextTidying(record, pinned); next; next = nextTidying(record, pinned)) {
    if (next.kind === 'merge')
      for (const mark of files.get(next.layer) ?? []) files.get(next.into)?.add(mark);
    files.delete(next.layer);
    record = afterTidying(record, next);
  }
  return record;
}

const action = fc.record({
  kind: fc.constantFrom('snapshot', 'revert', 'delete', 'write', 'pin'),
  which: fc.nat({ max: 5 }),
});

test('property: whatever is done, each snapshot and head keeps what was written, and nothing is left over', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      let record = empty;
      let mark = 0;
      const pinned = new Set<string>();
      const files = new Map<string, Set<number>>();
      const content = (layer: string) =>
        [...new Set(chainOf(record, layer).flatMap((l) => [...(files.get(l) ?? [])]))].sort((a, b) => a - b);
      let now: number[] = [];
      const expected = new Map<string, number[]>();
      const pinnedContent = new Map<string, number[]>();
      for (const { kind, which } of actions) {
        const chosen = record.snapshots?.[which % Math.max(1, record.snapshots.length)];
        if (kind === 'snapshot') {
          mark += 1;
          expected.set(`s${mark}`, now);
          record = snapshot(record, `s${mark}`);
        } else if (kind === 'write') {
          mark += 1;
          now = [...now, mark];
          const head = headOf(record, 'boot');
          files.set(head, (files.get(head) ?? new Set()).add(mark));
        } else if (chosen && kind === 'revert') {
          record = revert(record, chosen);
          now = expected.get(chosen.name) ?? [];
        } else if (chosen && kind === 'delete') {
          expected.delete(chosen.name);
          record = { ...record, snapshots: record.snapshots?.filter((s) => s !== chosen) ?? [] };
        } else if (chosen && kind === 'pin') {
          const layer = chosen.layers['boot'] ?? '';
          pinned.add(layer);
          pinnedContent.set(layer, content(layer));
        }
        for (const layer of allLayers(record)) if (!files.has(layer)) files.set(layer, new Set());
        record = tidy(record, pinned, files);
        assert.equal(content(headOf(record, 'boot')), now);
        for (const { name, layers } of record.snapshots ?? [])
          assert.equal(content(layers['boot'] ?? ''), expected.get(name));
        for (const [layer, was] of pinnedContent) assert.equal(content(layer), was);
        assert.equal([...files.keys()].sort(), allLayers(record).sort());
        if (pinned.size === 0 && (record.snapshots ?? []).length === 0)
          assert.is(chainOf(record, headOf(record, 'boot')).length, 1);
      }
    }),
  );
});

test.run();
