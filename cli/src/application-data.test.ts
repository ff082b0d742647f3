import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseApplicationData } from './application-data.js';

const parse = (text: string) => parseApplicationData('bad.yaml', text);

test('objects come in the order of creation, whatever the order of lists and documents', () => {
  const items = parse(`
appinstances: [{ key: { app_key: { name: a } } }]
apps: [{ key: { developer_key: { name: dev }, name: web, version: 1.0 } }]
flavors: [{ key: { name: b } }, { key: { name: a } }]
---
cloudletinfos: [{ key: { name: c } }]
clusterinsts: []
flavors:
  - key: { name: c }
developers:
---
`);
  assert.equal(
    items.map((item) => item.label),
    ['flavor b', 'flavor a', 'flavor c', 'cloudletinfo c', 'app dev/web/1.0', 'appinst a'],
  );
  assert.is(items[0]?.where, 'bad.yaml:4:11');
});

test('members may be spelt in every way that tools spell them', () => {
  for (const name of ['access_ports', 'accessports', 'accessPorts']) {
    const [item] = parse(`apps:\n- ${name}: tcp:80\n`);
    assert.is(item?.message['accessPorts'], 'tcp:80', name);
  }
  for (const value of ['ImageTypeQcow', 'IMAGE_TYPE_QCOW', '2'])
    assert.is(parse(`apps:\n- imagetype: ${value}\n`)[0]?.message['imageType'], 2, value);
  assert.is(parse('clusterinsts: [{key: {developer: d}}]').length, 1);
  assert.is(parse('cluster_insts: [{key: {developer: d}}]').length, 1);
});

test('unquoted texts stay as they are written, large integers exact', () => {
  const [app] = parse('apps:\n- key: { name: 007, version: 1.10 }\n  command: true\n');
  assert.equal(app?.message['key'], { developerKey: { name: '' }, name: '007', version: '1.10' });
  assert.is(app?.message['command'], 'true');
  assert.is(parse('flavors:\n- ram: 18446744073709551615\n')[0]?.message['ram'], 2n ** 64n - 1n);
});

test('anchors, lists of messages and maps', () => {
  const [first, second] = parse(`
apps:
  - key: { developer_key: &dev { name: d }, name: a }
    configs: [{ kind: k, config: c }]
  - key: { developer_key: *dev, name: b }
`);
  assert.equal(first?.message['configs'], [{ kind: 'k', config: 'c' }]);
  assert.equal(second?.message['key'], { developerKey: { name: 'd' }, name: 'b', version: '' });
});

test('an empty file holds nothing', () => {
  for (const text of ['', '---\n', '# nothing\n', 'flavors:\n']) assert.equal(parse(text), []);
});

const REFUSED: readonly (readonly [string, string, string])[] = [
  [
    'an unknown member',
    'flavors:\n  - key: { name: a }\n    rum: 5\n',
    'bad.yaml:3:5: flavors[0].rum: no such field in Flavor',
  ],
  [
    'one further down',
    'flavors:\n- key: { nmae: a }\n',
    'bad.yaml:2:10: flavors[0].key.nmae: no such field in FlavorKey',
  ],
  [
    'a wrong type',
    'flavors:\n  - key: { name: a }\n    ram: lots\n',
    'bad.yaml:3:10: flavors[0].ram: must be an integer from 0 to 18446744073709551615, but got "lots"',
  ],
  [
    'a text for a message',
    'flavors:\n- key: a\n',
    'bad.yaml:2:8: flavors[0].key: must be a mapping of FlavorKey, but is "a"',
  ],
  [
    'a list for a text',
    'apps:\n- command: [a]\n',
    'bad.yaml:2:12: apps[0].command: must be a single value, but is a list',
  ],
  [
    'a mapping for a list',
    'apps:\n- configs: {}\n',
    'bad.yaml:2:12: apps[0].configs: must be a list, but is a mapping',
  ],
  [
    'an unknown enum value',
    'apps:\n  - image_type: Floppy\n',
    'bad.yaml:2:17: apps[0].image_type: no value "Floppy" (one of ImageTypeUnknown, ImageTypeDocker, ImageTypeQcow)',
  ],
  [
    'an unknown list',
    'flavours:\n  - key: { name: a }\n',
    'bad.yaml:1:1: flavours: no such list (one of flavors, operators, developers, cloudlets, cloudletinfos, clusters, apps, clusterinsts, appinstances)',
  ],
  ['a list that is none', 'apps: web\n', 'bad.yaml:1:7: apps: must be a list, but is "web"'],
  ['an empty item', 'apps:\n-\n', 'bad.yaml:2:2: apps[0]: is empty'],
  ['a document that is a list', '- a\n', 'bad.yaml:1:1: must be a mapping of lists, but is a list'],
  [
    'a member given twice',
    'apps:\n- image_path: a\n  imagepath: b\n',
    'bad.yaml:3:3: apps[0].imagepath: is given twice',
  ],
  [
    'a fault in the second document',
    'apps:\n---\napps:\n- x: 1\n',
    'bad.yaml:4:3: apps[0].x: no such field in App',
  ],
];

for (const [what, text, expected] of REFUSED) {
  test(`${what} is told with its place`, () => {
    try {
      parse(text);
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, expected);
    }
  });
}

test('broken YAML and a key given twice are told with their place', () => {
  for (const [text, pattern] of [
    ['flavors:\n  - key: { name: a\n    ram: 5\n', /^bad\.yaml:[23]:\d+: ./],
    ['apps: []\napps: []\n', /^bad\.yaml:2:1: .*unique/],
    ['apps: *nowhere\n', /^bad\.yaml:1:7: .*nowhere/],
  ] as const)
    assert.throws(
      () => parse(text),
      (error: Error) => pattern.test(error.message) || error.message,
    );
});

test.run();
