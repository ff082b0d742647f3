// test: timeout=180s
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hunt } from './mutation-run.js';
import { MUTATIONS } from './mutations.js';

/** Found within a few seeds; `npm run sim:mutations` looks for all of them. */
const QUICK = [
  'a write is acknowledged before it is stored',
  'deletes are not sent',
  'an agent does not remove what it made',
  'an instance that is gone keeps its ports',
];

test('what every mutation replaces is in its file once', () => {
  for (const { name, file, find, replace } of MUTATIONS) {
    const text = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    assert.is(text.split(find).length, 2, name);
    assert.is.not(find, replace);
  }
});

for (const name of QUICK) {
  test(`found: ${name}`, async () => {
    const mutation = MUTATIONS.find((one) => one.name === name);
    assert.ok(mutation);
    const { seed, text } = await hunt(mutation, { seeds: 6, except: [], timeoutMs: 100_000 });
    assert.ok(seed !== undefined, text);
  });
}

test.run();
