import { silentLogger } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { make } from '../testing.js';
import { newCounters } from '../types.js';
import { decodeNotice } from '../wire.js';
import { ChangeEncoder } from './change-encoder.js';
import { keyNumber } from './digest.js';
import { frameBytes } from './frame-bytes.js';
import { DigestMarks, SaidDigests } from './marks.js';
import { encodeNotice, onlyAck } from './notices.js';

const wholeNumber = fc.oneof(fc.maxSafeNat(), fc.nat(300));

test('a frame says what it was made of', () => {
  fc.assert(
    fc.property(
      wholeNumber,
      wholeNumber,
      fc.boolean(),
      fc.nat(3),
      fc.nat(3),
      (sequence, ack, end, some, gone) => {
        const origins = Array.from({ length: gone }, (_, i) => i + 1);
        const marks = Array.from({ length: some }, (_, place) =>
          new DigestMarks().of(place, { count: place, high: 1, low: 2 }, sequence, 3),
        );
        const notice = decodeNotice(
          frameBytes({ changes: [], between: encodeNotice({ gone: origins }), marks, sequence, ack, end }),
        );
        assert.equal(
          [notice.sequence, notice.ack, notice.gone, notice.action],
          [BigInt(sequence), BigInt(ack), origins, end ? NoticeAction.SENDALL_END : NoticeAction.NONE],
        );
        assert.equal(
          notice.sync.map(({ type, revision, scope }) => [type, revision, scope]),
          marks.map((_, place) => [place, BigInt(sequence), 3]),
        );
      },
    ),
  );
});

test('an ack alone is known as one', () => {
  const nothing = Buffer.alloc(0);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 48 }), (ack) => {
      const frame = frameBytes({ changes: [], between: nothing, marks: [], sequence: 0, ack, end: false });
      assert.is(onlyAck(frame), ack);
    }),
  );
});

test('a change is encoded as the protocol has it, whatever its place and revision', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(300), wholeNumber, (name, place, revision) => {
      const flavor = make.flavor(name);
      const type = OBJECTS.Flavor;
      const source = { type, keys: () => [], get: () => flavor, subscribe: () => () => undefined };
      const encoder = new ChangeEncoder(
        { ...source, revisionOf: () => revision } as never,
        place,
        100_000,
        newCounters(),
        silentLogger,
      );
      const key = type.keyJsonOf(flavor);
      const [change, ...more] = decodeNotice(encoder.object(key)?.bytes ?? Buffer.alloc(0)).changes;
      assert.equal(more, []);
      assert.equal(
        { ...change, object: Buffer.from(change?.object ?? []).toString('hex') },
        {
          ...{ type: place, revision: BigInt(revision), keyNumber: keyNumber(key), origin: undefined },
          ...{ object: Buffer.from(type.toWire(flavor)).toString('hex'), key: Buffer.alloc(0) },
        },
      );
    }),
  );
});

test('only digests that may have changed are looked at, and said when they have', () => {
  const digests = new Map([
    [2, { count: 1, high: 1, low: 1 }],
    [5, { count: 2, high: 2, low: 2 }],
  ]);
  const looked: number[] = [];
  const view = {
    digest: (place: number) => {
      looked.push(place);
      return digests.get(place) ?? { count: 0, high: 0, low: 0 };
    },
  };
  const said = new SaidDigests([2, 5]);
  const say = () => {
    const places: number[] = [];
    said.say(view, (place) => places.push(place));
    return [places, looked.splice(0)];
  };
  assert.ok(said.isForgotten);
  assert.equal(say(), [
    [2, 5],
    [2, 5],
  ]);
  said.touch(5);
  assert.equal(say(), [[], [5]]);
  digests.set(2, { count: 1, high: 7, low: 1 });
  assert.equal(say(), [[], []], 'nobody has touched it');
  said.touch(2);
  assert.equal(say(), [[2], [2]]);
  said.forget();
  assert.equal(say()[0], [2, 5]);
});

test.run();
