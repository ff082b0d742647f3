/** What is written by hand is what the schema says. */
import { messageSchema, parseJson, toPlain } from '@edgeplane/objects';
import type { Event } from '@edgeplane/proto/edgeplane/bus.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEvent, encodeEvent } from './event-json.js';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const number = fc.bigInt({ min: 0n, max: 2n ** 53n - 1n });
const state = fc.record({ type: text, key: text, from: text, to: text, revision: number });
const audit = fc.record({
  ...{ call: number, phase: text, cmd: text, client: text, user: text, request: text },
  ...{ result: text, error: text, code: text, durationMs: number },
});
const event: fc.Arbitrary<Event> = fc.record({
  ...{ version: fc.constant(1), id: text, time: text, region: fc.nat(), controller: text },
  ...{ state: fc.option(state, { nil: undefined }), audit: fc.option(audit, { nil: undefined }) },
});

const read = (one: Event): Event =>
  Object.assign({ state: undefined, audit: undefined }, decodeEvent(encodeEvent(one)));
const plain = (value: unknown) => structuredClone(value);

test('an event is read as it was written', () => {
  fc.assert(fc.property(event, (one) => assert.equal(plain(read(one)), plain(one))));
});

test('what is not set is left out', () => {
  const options = { enums: 'proto', defaults: false, longsAsText: false } as const;
  const members = (value: unknown) => Object.keys((value ?? {}) as object);
  fc.assert(
    fc.property(event, (one) => {
      const bySchema = toPlain(messageSchema('edgeplane.bus.Event'), read(one), options);
      const byHand = parseJson(Buffer.from(encodeEvent(one)).toString()) as Record<string, unknown>;
      for (const part of ['state', 'audit']) {
        const missing = members(bySchema[part]).filter((name) => !members(byHand[part]).includes(name));
        assert.equal(missing, []);
      }
      const required = ['call', 'phase', 'cmd', 'client', 'user'];
      const extra = members(byHand['audit']).filter((name) => !members(bySchema['audit']).includes(name));
      assert.equal(
        extra.filter((name) => !required.includes(name)),
        [],
      );
    }),
  );
});

test.run();
