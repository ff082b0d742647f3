import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { anyMessage } from './arbitrary.js';
import { ALL_OBJECTS, OBJECTS } from './index.js';

for (const type of ALL_OBJECTS) {
  test(`${type.name}: stored JSON and wire form give back what went in`, () => {
    fc.assert(
      fc.property(anyMessage(type.schema), (object) => {
        assert.equal(type.fromStored(type.toStored(object)), object);
        assert.equal(type.fromWire(type.toWire(object)), object);
        JSON.parse(type.toStored(object));
      }),
      { numRuns: 60 },
    );
  });

  test(`${type.name}: keys survive formatting and parsing, whatever the text`, () => {
    fc.assert(
      fc.property(anyMessage(type.keySchema), (key) => {
        const text = type.keyJson(key);
        assert.equal(type.parseKeyJson(text), key);
        assert.is(type.keyJson(type.parseKeyJson(text)), text);
        assert.is(type.keyJsonOf(type.withKey(key)), text);
      }),
      { numRuns: 60 },
    );
  });
}

test('stored JSON has the bytes of the reference', () => {
  const operator = OBJECTS.Operator.withKey({ name: 'AT&T, Inc.' });
  assert.is(OBJECTS.Operator.keyJsonOf(operator), '{"name":"AT\\u0026T, Inc."}');
  const cloudlet = OBJECTS.Cloudlet.withKey({ operatorKey: { name: 'azure' }, name: 'az1' });
  cloudlet.location = {
    ...OBJECTS.Cloudlet.empty().location,
    latitude: 31,
    longitude: -91,
  } as typeof cloudlet.location;
  cloudlet.ipSupport = 2;
  cloudlet.numDynamicIps = 3;
  assert.is(
    OBJECTS.Cloudlet.toStored(cloudlet),
    '{"key":{"operator_key":{"name":"azure"},"name":"az1"},"location":{"latitude":31,"longitude":-91},"ip_support":"IpSupportDynamic","num_dynamic_ips":3}',
  );
  assert.is(
    OBJECTS.AppInst.toStored(OBJECTS.AppInst.empty()),
    '{"key":{"app_key":{"developer_key":{}},"cluster_inst_key":{"cluster_key":{},"cloudlet_key":{"operator_key":{}}}},"cloudlet_loc":{},"mapped_ports":null,"flavor":{},"runtime_info":{},"created_at":{}}',
  );
  const refs = OBJECTS.CloudletRefs.empty();
  refs.rootLbPorts = { 80: 1, 10000: 3, 81: 2, 10001: 1 };
  assert.match(OBJECTS.CloudletRefs.toStored(refs), '"root_lb_ports":{"10000":3,"10001":1,"80":1,"81":2}');
});

test('members of ClusterInst keep their declaration order, which is not number order', () => {
  const inst = {
    ...OBJECTS.ClusterInst.empty(),
    numNodes: 2,
    numMasters: 1,
    deployment: 'docker',
    liveness: 1,
    state: 5,
  } as never;
  const names = [...OBJECTS.ClusterInst.toStored(inst).matchAll(/"(\w+)":/g)].map((m) => m[1]);
  assert.equal(names.slice(-5), ['liveness', 'state', 'deployment', 'num_masters', 'num_nodes']);
});

test('64-bit integers are lossless', () => {
  const flavor = { ...OBJECTS.Flavor.empty(), ram: 18446744073709551615n };
  const text = OBJECTS.Flavor.toStored(flavor);
  assert.match(text, '"ram":18446744073709551615');
  assert.is(OBJECTS.Flavor.fromStored(text).ram, 18446744073709551615n);
});

test('old data is readable: integers for enums, other casing, sorted members, unknown members, null lists', () => {
  const inst = OBJECTS.ClusterInst.fromStored(
    '{"STATE":5,"auto":true,"ip_access":"IP_ACCESS_SHARED","liveness":"2","nobody_knows":[{}],"errors":null,"Key":{"Developer":"d"}}',
  );
  assert.is(inst.state, 5);
  assert.is(inst.ipAccess, 3);
  assert.is(inst.liveness, 2);
  assert.is(inst.key?.developer, 'd');
  assert.equal(inst.errors, []);
  assert.is(OBJECTS.App.fromStored('{"image_type":"44"}').imageType, 44);
});

test('faults name path, rule and value', () => {
  assert.throws(
    () => OBJECTS.Flavor.fromStored('{"ram":-1}'),
    /ram: must be an integer from 0 to 18446744073709551615, but got -1/,
  );
  assert.throws(
    () => OBJECTS.Flavor.fromStored('{"key":{"name":7}}'),
    /key\.name: must be a string, but got 7/,
  );
  assert.throws(() => OBJECTS.Flavor.fromStored('{"key":[]}'), /key: must be an object, but got a list/);
  assert.throws(() => OBJECTS.App.fromStored('{"image_type":"Floppy"}'), /No enum value for Floppy/);
  assert.throws(
    () => OBJECTS.Flavor.fromStored('{"rum":1}', { strict: true }),
    /rum: no such field in edgeproto\.Flavor/,
  );
  assert.throws(() => OBJECTS.Flavor.fromStored('{"ram":'), /edgeproto\.Flavor: /);
  assert.throws(() => OBJECTS.Flavor.fromWire(new Uint8Array([0x12, 0xff])), /not a protobuf message/);
});

test('`fields` is never stored', () => {
  const flavor = { ...OBJECTS.Flavor.empty(), fields: ['3'], ram: 1n };
  assert.is(OBJECTS.Flavor.toStored(flavor).includes('fields'), false);
  assert.equal(OBJECTS.Flavor.fromStored('{"fields":["3"],"ram":1}').fields, []);
});

test('unknown enum numbers are refused with the name of the field', () => {
  assert.throws(
    () => OBJECTS.App.validateEnums({ ...OBJECTS.App.empty(), imageType: 44 } as never),
    /^invalid ImageType$/,
  );
  assert.throws(
    () => OBJECTS.App.validateEnums({ ...OBJECTS.App.empty(), delOpt: 9 } as never),
    /^invalid DelOpt$/,
  );
  OBJECTS.App.validateEnums(OBJECTS.App.empty());
});

test('the cloudlet of an object', () => {
  const cloudlet = { operatorKey: { name: 'o' }, name: 'c' };
  const key = { clusterKey: { name: 'k' }, cloudletKey: cloudlet, developer: 'd' };
  const want = '{"operator_key":{"name":"o"},"name":"c"}';
  assert.is(OBJECTS.ClusterInst.cloudletKeyJsonOfKey(key), want);
  assert.is(OBJECTS.AppInst.cloudletKeyJsonOfKey({ appKey: undefined, clusterInstKey: key }), want);
  assert.is(OBJECTS.Cloudlet.cloudletKeyJsonOfKey(cloudlet), want);
  assert.is(OBJECTS.Flavor.cloudletKeyJsonOfKey({ name: 'f' }), undefined);
});

test.run();
