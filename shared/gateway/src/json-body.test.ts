import { enumSchema, MESSAGES, messageSchema, normalize } from '@edgeplane/objects';
import { anyMessage } from '@edgeplane/objects/arbitrary';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeBody, plainMessage, prettyJson } from './json-body.js';

const flavor = messageSchema('edgeproto.Flavor');
const inst = messageSchema('edgeproto.AppInst');

for (const name of [
  'App',
  'AppInst',
  'Cloudlet',
  'CloudletInfo',
  'CloudletRefs',
  'ClusterInst',
  'Flavor',
  'Node',
]) {
  const schema = MESSAGES[`edgeproto.${name}`];
  if (!schema) throw new Error(name);
  test(`${name}: what is written is read again, in either spelling of enums`, () => {
    fc.assert(
      fc.property(
        anyMessage(schema),
        fc.constantFrom('proto' as const, 'camel' as const),
        (message, enums) => {
          const text = prettyJson(plainMessage(schema, message, enums), 'closed');
          assert.equal(normalize(schema, decodeBody(schema, text)), normalize(schema, message));
          assert.equal(
            JSON.parse(text),
            JSON.parse(prettyJson(plainMessage(schema, message, enums), 'spread')),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
}

test('every member of the reference in declaration order, 64-bit integers as text, an unset message as null', () => {
  const message = decodeBody(flavor, '{"key":{"name":"x1.tiny"},"ram":"18446744073709551615","vcpus":1}');
  assert.is(
    prettyJson(plainMessage(flavor, message, 'proto'), 'spread'),
    `{
 "fields": [
 ],
 "key": {
  "name": "x1.tiny"
 },
 "ram": "18446744073709551615",
 "vcpus": "1",
 "disk": "0"
}`,
  );
  // What was added to the reference's messages is told only when there is something to tell.
  const withDevice = plainMessage(flavor, { ...message, devices: ['gpu'] }, 'proto');
  assert.ok('devices' in (withDevice as object));
  const shown = plainMessage(inst, decodeBody(inst, ''), 'camel') as { cloudlet_loc: { timestamp: unknown } };
  assert.is(shown.cloudlet_loc.timestamp, null);
});

test('texts are escaped as in the reference', () => {
  assert.is(
    prettyJson({ a: '<b>&\u2028\b"' }, 'closed'),
    '{\n "a": "\\u003cb\\u003e\\u0026\\u2028\\u0008\\""\n}',
  );
});

test('an empty body, unknown members and null are passed over; the camel name wins', () => {
  assert.equal(decodeBody(flavor, ''), decodeBody(flavor, ' {"nosuch":1,"key":null} '));
  const both = decodeBody(inst, '{"cloudletLoc":{"latitude":2},"cloudlet_loc":{"latitude":1}}');
  assert.is((both['cloudletLoc'] as { latitude: number }).latitude, 2);
});

test('enum values by proto name, camel name and number; numbers also as text', () => {
  const cluster = messageSchema('edgeproto.ClusterInst');
  for (const value of ['"IP_ACCESS_SHARED"', '"IpAccessShared"', '3']) {
    assert.is(decodeBody(cluster, `{"ip_access":${value}}`)['ipAccess'], 3);
  }
  assert.is(enumSchema('edgeproto.IpAccess').values['IP_ACCESS_SHARED'], 3);
  assert.is(decodeBody(cluster, '{"num_nodes":"7"}')['numNodes'], 7);
});

for (const [body, words] of [
  ['{"ram":-1}', ['ram', 'must be an integer from 0', '-1']],
  ['{"ram":"x"}', ['ram', '"x"']],
  ['{"key":{"name":7}}', ['key.name', 'must be a string', '7']],
  ['{bad', ['Flavor']],
  ['[1]', ['must be an object', 'a list']],
] as const) {
  test(`refused: ${body}`, () => {
    assert.throws(
      () => decodeBody(flavor, body),
      (error: Error) =>
        words.every((word) => error.message.includes(word)) || assert.unreachable(error.message),
    );
  });
}

test.run();
