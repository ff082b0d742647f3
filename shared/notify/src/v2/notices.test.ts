import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeNotice, onlyAck } from './notices.js';

test('a notice that is nothing but an ack is told from all others', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), fc.integer({ min: 1, max: 9 }), (ack, sequence) => {
      const bytes = encodeNotice({ ack: BigInt(ack) });
      assert.is(onlyAck(bytes), ack);
      assert.is(onlyAck(encodeNotice({ ack: BigInt(ack), sequence: BigInt(sequence) })), undefined);
      assert.is(onlyAck(Buffer.concat([bytes, encodeNotice({ ack: 1n })])), undefined);
      assert.is(onlyAck(bytes.subarray(0, -1)), undefined);
    }),
  );
  assert.is(onlyAck(encodeNotice({})), undefined);
  assert.is(onlyAck(Buffer.alloc(30, 0xff)), undefined);
});

test.run();
