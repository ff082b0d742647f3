// test: timeout=180s
/** Every bench of the match engine runs and gives its figures; how large they are is not looked at. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dmeBenches } from './dme.js';
import { QUICK } from './sizes.js';

for (const bench of dmeBenches) {
  test(`${bench.name} makes figures`, async () => {
    const figures = await bench.run(QUICK);
    assert.ok(figures.length > 0);
    for (const figure of figures) assert.ok(figure.value > 0 && figure.baseline > 0, JSON.stringify(figure));
  });
}

test.run();
