import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type JsonValue, parseJson, writeJson } from './json-text.js';

test('parsed JSON is written as it was, whatever the size of its integers', () => {
  for (const text of [
    '{"b":18446744073709551615,"a":[1,-0,1.5e-7,null,true,{}],"10":"x","\\u003c":"\\u0026"}',
    '[]',
    '"\\u0008"',
    '1e+21',
  ]) {
    const [first, second] = [writeJson(parseJson(text)), text];
    // Names that are integers come first in any object of JavaScript.
    assert.equal(parseJson(first), parseJson(second));
    if (!text.includes('"10"')) assert.is(first, second);
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(JSON.parse(writeJson(value as JsonValue)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('members by name, at every level', () => {
  const text = writeJson(parseJson('{"b":{"z":1,"y":[{"d":1,"c":2}]},"a":9007199254740993}'), {
    sortMembers: true,
  });
  assert.is(text, '{"a":9007199254740993,"b":{"y":[{"c":2,"d":1}],"z":1}}');
});

test.run();
