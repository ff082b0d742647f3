import { messageSchema, SERVICES } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { messageOfFlags } from './flag-message.js';
import { messageFlags } from './flag-table.js';
import { rpcsOf } from './rpc-catalog.js';
import { SERVICE_DEFINITIONS } from './services.js';

function message(type: string, given: Readonly<Record<string, string | string[]>>, withFields = false) {
  const schema = messageSchema(type);
  const flags = messageFlags(schema);
  const list = Object.entries(given).map(([name, text]) => {
    const flag = flags.find((f) => f.name === name);
    if (!flag) throw new Error(`no flag ${name}`);
    return { flag, texts: [text].flat() };
  });
  return messageOfFlags(schema, list, withFields);
}

test('flags are named after the path of their field', () => {
  const names = messageFlags(messageSchema('edgeproto.AppInst')).map((f) => f.name);
  assert.equal(names.slice(0, 4), [
    'key-appkey-developerkey-name',
    'key-appkey-name',
    'key-appkey-version',
    'key-clusterinstkey-clusterkey-name',
  ]);
  assert.not(names.includes('fields'));
  assert.ok(names.includes('mappedports-internalport'));
});

test('every call of the registry has a definition, and no two of its flags share a name', () => {
  for (const service of Object.values(SERVICES))
    if (service.methods.some((m) => !m.requestStream))
      assert.ok(SERVICE_DEFINITIONS.has(service.name), service.name);
  const reserved = ['addr', 'tls', 'output-format', 'hidetags', 'help', 'version', 'file', 'ignore-existing'];
  for (const rpc of [...rpcsOf('controller'), ...rpcsOf('dme')]) {
    const names = messageFlags(rpc.request).map((f) => f.name);
    assert.is(new Set(names).size, names.length, rpc.name);
    assert.not(
      names.some((name) => reserved.includes(name) || name.startsWith('no-')),
      rpc.name,
    );
  }
  const added = ['WatchCloudlet', 'ReportLatency', 'SendToGroup', 'ReceiveFromGroup'];
  const names = rpcsOf('dme').map(({ name }) => name);
  assert.is(names.length, 7 + added.length);
  for (const name of added) assert.ok(names.includes(name), name);
});

test('values go where their path says', () => {
  const app = message('edgeproto.App', {
    'key-developerkey-name': 'dev',
    'key-version': '1.0',
    imagetype: 'ImageTypeDocker',
    permitsplatformapps: 'true',
    'configs-kind': 'envVarsYaml',
    'configs-config': 'x',
  });
  assert.equal(app['key'], { developerKey: { name: 'dev' }, name: '', version: '1.0' });
  assert.is(app['imageType'], 1);
  assert.is(app['permitsPlatformApps'], true);
  assert.equal(app['configs'], [{ kind: 'envVarsYaml', config: 'x' }]);
  assert.equal(app['fields'], []);
});

test('enum values are taken by camel name, proto name and number', () => {
  for (const text of ['ImageTypeQcow', 'IMAGE_TYPE_QCOW', '2'])
    assert.is(message('edgeproto.App', { imagetype: text })['imageType'], 2, text);
});

test('large integers, lists and maps', () => {
  assert.is(message('edgeproto.Flavor', { ram: '18446744073709551615' })['ram'], 2n ** 64n - 1n);
  assert.equal(message('edgeproto.AppInst', { errors: ['a,b', 'c'] })['errors'], ['a,b', 'c']);
  assert.equal(message('edgeproto.CloudletRefs', { rootlbports: ['80=1', '443=3'] })['rootLbPorts'], {
    80: 1,
    443: 3,
  });
});

test('an update lists the ids of the flags given', () => {
  const cloudlet = message('edgeproto.Cloudlet', { 'key-name': 'c', 'location-latitude': '-7.5' }, true);
  assert.equal(cloudlet['fields'], ['2.2', '5.1']);
  assert.is((cloudlet['location'] as { latitude: number }).latitude, -7.5);
});

const REFUSED: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  [
    'edgeproto.Flavor',
    { ram: 'lots' },
    /^Invalid value for --ram: must be an integer from 0 to \d+, but got "lots"$/,
  ],
  ['edgeproto.Flavor', { ram: '-1' }, /^Invalid value for --ram/],
  [
    'edgeproto.App',
    { imagetype: 'Floppy' },
    /^Invalid value for --imagetype: no value "Floppy" \(one of ImageTypeUnknown, /,
  ],
  [
    'edgeproto.App',
    { permitsplatformapps: 'maybe' },
    /--permitsplatformapps: must be true or false, but got "maybe"$/,
  ],
  ['edgeproto.Cloudlet', { 'location-latitude': 'north' }, /--location-latitude: must be a number/],
  ['edgeproto.CloudletRefs', { rootlbports: '80' }, /--rootlbports: must be key=value/],
];

for (const [type, given, pattern] of REFUSED) {
  test(`${Object.keys(given)[0]} ${Object.values(given)[0]} is refused`, () => {
    assert.throws(
      () => message(type, given),
      (error: Error) => pattern.test(error.message),
    );
  });
}

test.run();
