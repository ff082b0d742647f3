import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { timeoutOf, uvuCounts } from './test-jobs.js';

test('reads the time limit of a file', () => {
  assert.is(timeoutOf('// test: timeout=300s serial\n'), 300_000);
  assert.is(timeoutOf('// nothing\n'), 120_000);
});

test('adds up the figures of all suites, and counts a skipped test as not passed', () => {
  const counts = uvuCounts(
    '  Total:     3\n  Passed:    2\n  Skipped:   1\n\n  Total:     1\n  Passed:    1\n  Skipped:   0\n',
  );
  assert.equal(counts, { total: 4, passed: 3, skipped: 1 });
  assert.is(uvuCounts('SyntaxError'), undefined);
});

test.run();
