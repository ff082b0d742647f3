import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { readKubernetesYaml, writeKubernetesYaml } from './kubernetes-yaml.js';

const read = (text: string) => readKubernetesYaml(text).map((document) => document.toJS() as unknown);

test('file modes are octal, texts of digits are texts', () => {
  assert.equal(read('mode: 0644\ntext: "0644"\nten: 10\nno: 08'), [
    { mode: 420, text: '0644', ten: 10, no: 8 },
  ]);
});

test('mappings are merged', () => {
  assert.equal(read('a: &a { x: 1 }\nb: { <<: *a, y: 2 }'), [{ a: { x: 1 }, b: { x: 1, y: 2 } }]);
});

test('what is written is read as the same, by readers of YAML 1.1 too', () => {
  assert.is(
    writeKubernetesYaml({ a: 'yes', b: 'on', c: '0644', d: 'plain' }),
    'a: "yes"\nb: "on"\nc: "0644"\nd: plain\n',
  );
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('yes', 'No', 'ON', 'y', '1:30', '0o7', '0644', '~', 'null', '1e3'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.oneof(text, fc.integer())), (object) => {
      const written = writeKubernetesYaml(object);
      assert.equal(parse(written), { ...object });
      assert.equal(parse(written, { version: '1.1' }), { ...object });
      assert.equal(read(written), [{ ...object }]);
    }),
  );
});

test.run();
