import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CachedAt } from './object-cache.js';
import { SortedObjects } from './sorted-objects.js';

const change = fc.record({
  key: fc.oneof(fc.constantFrom('a', 'b', 'c', 'B', 'é', '\u{1F600}', '\uFFFD'), fc.string()),
  gone: fc.boolean(),
});
/** Rounds of changes; after each the list is asked for. */
const rounds = fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 6 });

const inOrder = (objects: Iterable<CachedAt<number>>) =>
  [...objects].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value }) => [key, value]);

test('is what sorting all would give, and what was given does not change', () => {
  fc.assert(
    fc.property(rounds, fc.constantFrom(1, 400), (changes, repeats) => {
      const all = new Map<string, CachedAt<number>>();
      const sorted = new SortedObjects(() => all.values());
      let revision = 0;
      let given: { readonly list: readonly CachedAt<number>[]; readonly was: unknown } | undefined;
      for (const round of changes) {
        for (let n = 0; n < repeats; n++) {
          for (const { key, gone } of round) {
            revision += 1;
            const object = { key, value: revision, revision };
            if (gone) all.delete(key);
            else all.set(key, object);
            if (gone) sorted.delete(key);
            else sorted.put(object);
          }
        }
        const list = sorted.snapshot();
        assert.equal(
          inOrder(list),
          list.map(({ key, value }) => [key, value]),
        );
        assert.equal(inOrder(list), inOrder(all.values()));
        if (given) assert.equal(inOrder(given.list), given.was);
        given = { list, was: inOrder(list) };
      }
    }),
    { numRuns: 60 },
  );
});

test.run();
