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

test('objects share what is not set and the keys they refer to, which nobody can change', () => {
  const { AppInst, Flavor } = OBJECTS;
  const at = (cluster: string) => {
    const cloudletKey = { operatorKey: { name: 'op' }, name: 'site' };
    const clusterInstKey = { clusterKey: { name: cluster }, cloudletKey, developer: 'dev' };
    const appKey = { developerKey: { name: 'dev' }, name: 'app', version: '1.0' };
    return AppInst.fromStored(AppInst.toStored(AppInst.withKey({ appKey, clusterInstKey })));
  };
  const [one, other] = [at('one'), at('other')];
  assert.not.equal(one, other);
  assert.is(one.key?.appKey, other.key?.appKey);
  assert.is(one.key?.clusterInstKey?.cloudletKey, other.key?.clusterInstKey?.cloudletKey);
  assert.is(one.mappedPorts, other.mappedPorts);
  assert.throws(() => one.mappedPorts.push(...other.mappedPorts, {} as never), TypeError);
  assert.throws(() => Object.assign(one.key?.appKey?.developerKey ?? {}, { name: 'x' }), TypeError);
  const flavor = Flavor.fromStored('{"key":{"name":"f"},"ram":1}');
  assert.equal(Flavor.fromStored('{"key":{"name":"f"}}').ram, 0n);
  assert.is(flavor.ram, 1n);
});

test('a huge number where nobody expects one in a key is skipped, as any unknown member is', () => {
  const text = '{"key":{"name":"a","developer_key":{"name":"dev","x":12345678901234567890}}}';
  assert.is(OBJECTS.App.fromStored(text).key?.developerKey?.name, 'dev');
});

test('many different keys are each read as they are', () => {
  const { AppInst } = OBJECTS;
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3000; i++) {
      const appKey = { developerKey: { name: `dev-${i}` }, name: `app-${i}`, version: '1.0' };
      const inst = AppInst.normalize(AppInst.withKey({ appKey, clusterInstKey: undefined }));
      assert.equal(AppInst.fromStored(AppInst.toStored(inst)), inst);
    }
  }
});

test('ordinary objects are of the usual spelling', () => {
  const { AppInst, Flavor } = OBJECTS;
  const flavor = { ...Flavor.withKey({ name: 'f' }), ram: 1024n, vcpus: 2n, disk: 20n };
  assert.ok(decodeUsual(Flavor.schema, parseJson(Flavor.toStored(flavor))));
  assert.ok(decodeUsual(AppInst.schema, parseJson(AppInst.toStored(AppInst.empty()))));
});

test.run();
