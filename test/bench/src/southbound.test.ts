// test: timeout=120s
/** The benches of doors run and give their figures; how large they are is not looked at. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK } from './sizes.js';
import { exportBench } from './southbound/export.js';
import { microvmsBench } from './southbound/microvms.js';
import { providerCallsBench } from './southbound/provider-calls.js';

for (const bench of [providerCallsBench, exportBench, microvmsBench]) {
  test(`${bench.name} makes figures`, async () => {
    const figures = await bench.run(QUICK);
    assert.ok(figures.length > 0);
    for (const figure of figures) assert.ok(figure.value > 0 && figure.baseline > 0, JSON.stringify(figure));
  });
}

test.run();
