import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ObjectIndex } from './object-index.js';

const indexKeys = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 });
const changes = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), to: indexKeys }));

test('finds exactly the objects that have an index key', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const index = new ObjectIndex<readonly string[]>((value) => value);
      const held = new Map<string, readonly string[]>();
      for (const { key, to } of list) {
        index.move(key, index.keysOf(held.get(key)), index.keysOf(to));
        held.set(key, to);
        for (const indexKey of ['x', 'y', 'z']) {
          const expected = [...held].filter(([, own]) => own.includes(indexKey)).map(([own]) => own);
          assert.equal([...index.find(indexKey)].sort(), expected.sort());
        }
      }
    }),
  );
});

test.run();
