import { OBJECTS } from '@edgeplane/objects';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { make } from './testing.js';
import { isWellFormed } from './well-formed.js';

const hex = (text: string) => Buffer.from(text, 'hex');

test('messages are, with fields known or not', () => {
  for (const bytes of [
    '',
    '0801',
    '0a0161',
    `09${'00'.repeat(8)}`,
    `0d${'00'.repeat(4)}`,
    'a00601', // field 100
    '08ffffffffffffffffff01', // -1
  ])
    assert.ok(isWellFormed(hex(bytes)), bytes);
  assert.ok(isWellFormed(OBJECTS.AppInst.toWire(make.appInst('a', 'x', 'uri'))));
});

test('what is cut short, has tag zero or a group is not', () => {
  for (const bytes of [
    '08',
    '0a02',
    '0a0261',
    '00',
    '0900',
    '0d00',
    '0b0c',
    '1a7f00',
    'ffffffffffffffffffffff01',
  ])
    assert.not.ok(isWellFormed(hex(bytes)), bytes);
});

test('never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => typeof isWellFormed(bytes) === 'boolean'),
  );
});

test.run();
