import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseQuantity, spreadBudget } from './budget.js';

test('containers without a limit share what the others leave', () => {
  assert.equal(spreadBudget(100, [undefined, undefined]), [50, 50]);
  assert.equal(spreadBudget(100, [20, undefined, undefined]), [20, 40, 40]);
  assert.equal(spreadBudget(100, [10, 20]), [10, 20]);
});

test('too much wanted is scaled down', () => {
  assert.equal(spreadBudget(100, [150, 50]), [75, 25]);
  assert.equal(spreadBudget(100, [100, undefined]).map(Math.round), [67, 33]);
});

test('the parts never exceed the whole, and none is empty', () => {
  const wanted = fc.option(fc.double({ min: 0.01, max: 1e6, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      fc.array(wanted, { minLength: 1 }),
      (total, list) => {
        const parts = spreadBudget(total, list);
        const sum = parts.reduce((a, b) => a + b, 0);
        assert.ok(sum <= total * (1 + 1e-9), `${sum} over ${total}`);
        assert.ok(parts.every((part, i) => part > 0 && part <= (list[i] ?? total) * (1 + 1e-9)));
      },
    ),
  );
});

test('quantities', () => {
  assert.is(parseQuantity('250m'), 0.25);
  assert.is(parseQuantity('64Mi'), 64 * 1024 * 1024);
  assert.is(parseQuantity('1e3'), 1000);
  assert.is(parseQuantity(2), 2);
  for (const bad of ['', 'lots', '-1', '1 Gi', null, {}]) assert.is(parseQuantity(bad), undefined);
});

test.run();
