import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flat } from './flat.js';

test('a text stays what it is', () => {
  for (const text of ['', 'a', '\0', '{"name":"é💡"}', 'x'.repeat(1000) + 'y'.repeat(1000)])
    assert.is(flat(text), text);
});

test.run();
