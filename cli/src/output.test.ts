import { decodeJson, type JsonValue, messageSchema } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Format, parseFormat, renderList, renderOne } from './output.js';

const SCHEMA = messageSchema('edgeproto.AppInst');
const INST: JsonValue = {
  key: {
    app_key: { developer_key: { name: 'dev' }, name: 'web', version: '1.0' },
    cluster_inst_key: { cloudlet_key: { operator_key: { name: 'op' }, name: 'site' } },
  },
  uri: 'site.op.edge.internal',
  mapped_ports: [{ proto: 'LProtoTcp', internal_port: 80 }],
  state: 'Ready',
  created_at: { seconds: 5 },
};

function render(format: Format, messages: readonly JsonValue[], hideTags: readonly string[] = []): string {
  return renderList(
    SCHEMA,
    messages.map((m) => decodeJson(SCHEMA, m)),
    { format, hideTags },
  );
}

test('YAML has lower-case names, camel enums and nothing that is unset', () => {
  assert.is(
    render('yaml', [INST]),
    `- key:
    appkey:
      developerkey:
        name: dev
      name: web
      version: "1.0"
    clusterinstkey:
      cloudletkey:
        operatorkey:
          name: op
        name: site
  uri: site.op.edge.internal
  mappedports:
  - proto: LProtoTcp
    internalport: 80
  state: Ready
  createdat:
    seconds: 5
`,
  );
});

test('JSON has proto names, on one line when compact', () => {
  const [first] = JSON.parse(render('json', [INST])) as Record<string, unknown>[];
  assert.equal(Object.keys(first ?? {}), ['key', 'uri', 'mapped_ports', 'state', 'created_at']);
  assert.match(render('json', [INST]), '\n  {\n    "key": {');
  assert.is(render('json-compact', [INST, INST]).split('\n').length, 2);
});

test('tagged members can be hidden', () => {
  const text = render('yaml', [INST], ['nocmp', 'timestamp']);
  assert.not.match(text, /mappedports|state|createdat/);
  assert.match(text, 'uri: site');
});

test('a table has columns for the key and for what is set', () => {
  const other: JsonValue = { key: { app_key: { name: 'a longer name' } }, state: 'Creating' };
  const lines = render('table', [INST, other]).split('\n');
  assert.is(lines.length, 4);
  assert.match(lines[0] ?? '', /^DEVELOPER +APP +APP_VERSION +OPERATOR +CLOUDLET +URI +STATE$/);
  assert.match(lines[1] ?? '', /^dev +web +1\.0 +op +site +site\.op\.edge\.internal +Ready$/);
  assert.is(lines[2]?.indexOf('a longer name'), lines[0]?.indexOf('APP'));
});

test('nothing is printed of an empty list, and of an empty message only in JSON', () => {
  for (const format of ['yaml', 'json', 'json-compact', 'table'] as const) {
    assert.is(render(format, []), '');
    const result = messageSchema('edgeproto.Result');
    const one = renderOne(result, decodeJson(result, {}), { format, hideTags: [] });
    assert.is(one, format.startsWith('json') ? '{}\n' : '');
  }
});

test('integers beyond what JSON readers keep are exact', () => {
  const flavor = messageSchema('edgeproto.Flavor');
  const big = decodeJson(flavor, { ram: 2n ** 63n, vcpus: 2 });
  assert.is(
    renderOne(flavor, big, { format: 'json-compact', hideTags: [] }),
    '{"ram":"9223372036854775808","vcpus":2}\n',
  );
  assert.match(renderOne(flavor, big, { format: 'yaml', hideTags: [] }), 'ram: 9223372036854775808\n');
});

test('an unknown format is refused by name', () => {
  assert.throws(
    () => parseFormat('xml'),
    /--output-format: "xml" \(one of yaml, json, json-compact, table\)/,
  );
});

test.run();
