import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Recent } from './recent.js';

test('it has what was set last or nothing, what was asked for lately for sure, and no more than it may', () => {
  const step = fc.record({ do: fc.constantFrom('get', 'set', 'delete'), key: fc.nat(9), value: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 6 }), (steps, most) => {
      const recent = new Recent<number, number>(most);
      const all = new Map<number, number>();
      let lately: number[] = [];
      for (const { do: what, key, value } of steps) {
        if (what === 'set') {
          recent.set(key, value);
          all.set(key, value);
        } else if (what === 'delete') {
          recent.delete(key);
          all.delete(key);
        } else {
          const found = recent.get(key);
          if (found !== undefined || lately.includes(key)) assert.is(found, all.get(key));
          if (found === undefined) continue;
        }
        lately = [key, ...lately.filter((other) => other !== key)].slice(0, most);
        assert.ok(recent.size <= 2 * most);
      }
    }),
  );
});

test.run();
