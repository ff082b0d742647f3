import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { LAYOUT, type YamlValue, yamlText } from './yaml-text.js';

const word = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9._/:-]{0,12}$/) },
  fc.constantFrom(
    'true',
    'No',
    'on',
    'OFF',
    'y',
    'NaN',
    'Infinity',
    'nil',
    'null',
    'e1',
    'a:',
    'a: b',
    '-',
    '1.5',
    '0x1',
    'a-',
    '~',
  ),
  fc.string(),
);

const { map } = fc.letrec<{ map: { [name: string]: YamlValue | undefined }; value: YamlValue }>((tie) => ({
  map: fc.dictionary(word, fc.option(tie('value'), { nil: undefined, freq: 9 }), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.nat(),
    fc.double(),
    fc.constant(null),
    tie('map'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}));

test('writes what the library writes', () => {
  fc.assert(
    fc.property(map, (value) => {
      assert.is(yamlText(value), stringify(value, LAYOUT));
    }),
    { numRuns: 3000 },
  );
});

test.run();
