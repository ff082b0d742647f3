import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anyMessage } from './arbitrary.js';
import { ALL_OBJECTS, decodeJson, type JsonValue, OBJECTS, parseJson } from './index.js';
import { decodeUsual } from './stored-decoder.js';

for (const { name, schema, toStored } of ALL_OBJECTS) {
  test(`${name}: the usual spelling is read as the careful reader reads it`, () => {
    fc.assert(
      fc.property(anyMessage(schema), (message) => {
        const json = parseJson(toStored(message));
        const usual = decodeUsual(schema, json);
        if (usual) assert.equal(usual, decodeJson(schema, json));
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: what the careful reader refuses is never read`, () => {
    const members = fc.constantFrom(...schema.fields.map((field) => field.name), 'unknown');
    fc.assert(
      fc.property(fc.dictionary(members, fc.jsonValue(), { noNullPrototype: true }), (json) => {
        const usual = decodeUsual(schema, json as JsonValue);
        if (usual) assert.equal(usual, decodeJson(schema, json as JsonValue));
      }),
      { numRuns: 100 },
    );
  });
}

test('ordinary objects are of the usual spelling', () => {
  const { AppInst, Flavor } = OBJECTS;
  const flavor = { ...Flavor.withKey({ name: 'f' }), ram: 1024n, vcpus: 2n, disk: 20n };
  assert.ok(decodeUsual(Flavor.schema, parseJson(Flavor.toStored(flavor))));
  assert.ok(decodeUsual(AppInst.schema, parseJson(AppInst.toStored(AppInst.empty()))));
});

test.run();
