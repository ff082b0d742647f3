/** What is sent to those who hold nothing: packed, once for all, and followed by what changed since. */
import { deflateRawSync } from 'node:zlib';
import { seededRandom } from '@edgeplane/base';
import { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EncodedChange } from './change-encoder.js';
import { encodeNotice } from './notices.js';
import { unpacked } from './snapshot.js';
import { ViewSet } from './view-set.js';

function change(text: string): EncodedChange {
  const object = Buffer.from(text);
  const bytes = encodeNotice({
    changes: [{ type: 3, object, key: Buffer.alloc(0), revision: 1n, keyNumber: 7, origin: undefined }],
  });
  return { bytes, place: 3, key: text, high: object.length, low: 1 };
}

/** What a receiver of the snapshot holds after it, by text, and what it is told of besides. */
function sent(set: ViewSet) {
  const snapshot = set.snapshot();
  const frames = snapshot?.packs.map(({ bytes }) => unpacked(Notice.decode(bytes).packed)) ?? [];
  const texts = frames.flat().map(({ object }) => object.toString());
  return { texts, late: snapshot?.late, keys: snapshot?.packs.flatMap(({ keys }) => keys) };
}

test('a snapshot has every object once, in the order of its keys', () => {
  const set = new ViewSet(3);
  for (let i = 0; i < 3000; i++) set.put(`k${i}`, change(`object ${i}`.padEnd(100, '.')));
  const { texts, late, keys } = sent(set);
  assert.equal(late, []);
  assert.is(texts.length, 3000);
  for (const [i, { place, key }] of (keys ?? []).entries()) {
    assert.is(place, 3);
    assert.is(texts[i], `object ${key.slice(1)}`.padEnd(100, '.'));
  }
});

test('what changes later comes besides, until that is too much', () => {
  const set = new ViewSet(3);
  for (let i = 0; i < 500; i++) set.put(`k${i}`, change(`object ${i}`));
  const before = set.snapshot();
  set.put('k7', change('new'));
  set.put('k8', undefined);
  set.put('other', change('more'));
  assert.equal(set.snapshot()?.late, ['k7', 'k8', 'other']);
  assert.is(set.snapshot()?.packs, before?.packs, 'made once');
  for (let i = 0; i < 100; i++) set.put(`k${i}`, change(`new ${i}`));
  assert.equal(set.snapshot()?.late, []);
  assert.ok(sent(set).texts.includes('new 99'));
});

test('few objects are sent one by one, and so is a large one', () => {
  const set = new ViewSet(3);
  for (let i = 0; i < 127; i++) set.put(`k${i}`, change(`object ${i}`));
  assert.is(set.snapshot(), undefined);
  const random = seededRandom(1);
  set.put('large', change(Array.from({ length: 40_000 }, () => random.next()).join()));
  assert.equal(set.snapshot()?.late, ['large']);
  assert.is(sent(set).texts.length, 127);
});

test('what unpacks to too much, or to nothing that makes sense, is refused', () => {
  assert.throws(() => unpacked(deflateRawSync(Buffer.alloc(1_000_000))), /cannot be unpacked/);
  assert.throws(() => unpacked(Buffer.from('no such thing')), /cannot be unpacked/);
  assert.throws(() => unpacked(deflateRawSync(Buffer.from([0xff]))), /not a protobuf message/);
});

test.run();
