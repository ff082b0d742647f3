import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { placeReplicas } from './scheduler.js';

const nodes = ['a', 'b', 'c'].map((name) => ({ name, memoryMB: 300 }));

test('spreads replicas, fills evenly, and says why not', () => {
  const wanted = { app: 'web', memoryMB: 100, replicas: [0, 1, 2, 3] };
  assert.equal(
    [...placeReplicas(wanted, nodes, [])],
    [
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
      [3, 'a'],
    ],
  );
  const busy = [{ app: 'db', node: 'a', memoryMB: 150 }];
  assert.equal([...placeReplicas({ ...wanted, replicas: [0, 1] }, nodes, busy).values()], ['b', 'c']);
  const sibling = [{ app: 'web', node: 'b', memoryMB: 10 }];
  assert.equal([...placeReplicas({ ...wanted, replicas: [1] }, nodes, sibling).values()], ['a']);
  assert.throws(
    () => placeReplicas({ ...wanted, memoryMB: 200 }, nodes, busy),
    /replica 3 of web: it needs 200 MB of memory, and there is free 150 MB on a, 100 MB on b, 100 MB on c/,
  );
  assert.throws(() => placeReplicas(wanted, [], []), /as no node is up/);
});

test('never overfills a node, never leaves two replicas together while a free node has none', () => {
  const size = fc.integer({ min: 1, max: 400 });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
      fc.array(
        fc.record({ app: fc.constantFrom('x', 'y'), node: fc.constantFrom('a', 'b', 'z'), memoryMB: size }),
      ),
      size,
      fc.integer({ min: 1, max: 6 }),
      (names, placed, memoryMB, count) => {
        const rooms = names.map((name) => ({ name, memoryMB: 1000 }));
        const wanted = { app: 'x', memoryMB, replicas: Array.from({ length: count }, (_, i) => i) };
        let chosen: ReadonlyMap<number, string>;
        try {
          chosen = placeReplicas(wanted, rooms, placed);
        } catch {
          return;
        }
        assert.equal([...placeReplicas(wanted, [...rooms].reverse(), placed)], [...chosen]);
        const used = (node: string) =>
          placed.filter((p) => p.node === node).reduce((sum, p) => sum + p.memoryMB, 0);
        const mine = (node: string) => [...chosen.values()].filter((n) => n === node).length;
        const before = (node: string) => placed.filter((p) => p.node === node && p.app === 'x').length;
        for (const node of names) {
          if (mine(node) > 0) assert.ok(used(node) + mine(node) * memoryMB <= 1000);
          const roomLeft = 1000 - used(node) - mine(node) * memoryMB >= memoryMB;
          const crowded = names.some(
            (n) => mine(n) > 0 && before(n) + mine(n) > before(node) + mine(node) + 1,
          );
          assert.not.ok(roomLeft && crowded, 'a node with room and fewer replicas was passed over');
        }
      },
    ),
  );
});

test.run();
