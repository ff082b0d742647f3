import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { durationFigure, median, percentile, rateFigure, table } from './figures.js';

test('durations have an upper, rates a lower bound', () => {
  assert.ok(durationFigure('a', 20, 10, 2).ok);
  assert.not(durationFigure('a', 21, 10, 2).ok);
  assert.ok(rateFigure('a', 50, 100, 0.5).ok);
  assert.not(rateFigure('a', 49, 100, 0.5).ok);
  assert.ok(rateFigure('a', 1, 100, null).ok);
});

test('a limit is on the value, whatever the ratio', () => {
  assert.not(durationFigure('a', 20, 10, 2, 19).ok);
  assert.ok(durationFigure('a', 20, 10, null, 20).ok);
  assert.not(rateFigure('a', 50, 100, 0.5, 51).ok);
});

test('percentiles', () => {
  const values = Array.from({ length: 200 }, (_, i) => 200 - i);
  assert.is(percentile(values, 0.99), 198);
  assert.is(percentile([7], 0.99), 7);
});

test('the median of odd and even numbers of values', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
});

test('a table names figure, value, baseline and ratio', () => {
  assert.match(
    table([durationFigure('boot', 1500, 1000, 1.15, 2000)]),
    /boot\s+1500 ms\s+1000 ms\s+1\.50x\s+1\.15x\s+2000 ms\s+MISSED/,
  );
});

test.run();
