import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { durationFigure, median, rateFigure, table } from './figures.js';

test('durations have an upper, rates a lower bound', () => {
  assert.ok(durationFigure('a', 20, 10, 2).ok);
  assert.not(durationFigure('a', 21, 10, 2).ok);
  assert.ok(rateFigure('a', 50, 100, 0.5).ok);
  assert.not(rateFigure('a', 49, 100, 0.5).ok);
  assert.ok(rateFigure('a', 1, 100, null).ok);
});

test('the median of odd and even numbers of values', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
});

test('a table names figure, value, baseline and ratio', () => {
  assert.match(
    table([durationFigure('boot', 1500, 1000, 1.15)]),
    /boot\s+1500 ms\s+1000 ms\s+1\.50x\s+1\.15x\s+MISSED/,
  );
});

test.run();
