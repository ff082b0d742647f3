import protobuf from 'protobufjs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contractOf, flintlockVectors } from './apis.js';
import { loadTree } from './load.js';

const roots = new Map([
  ['old', loadTree(contractOf('flintlock-2021').tree)],
  ['head', loadTree(contractOf('flintlock-current').tree)],
]);

function typeOf(dialect: string, message: string): protobuf.Type {
  const root = roots.get(dialect);
  if (root === undefined) throw new Error(`no dialect ${dialect}`);
  return root.lookupType(message);
}

/** Turns protobuf JSON into the plain object protobufjs takes; refuses members the message does not have. */
function plain(type: protobuf.Type, json: unknown): Record<string, unknown> {
  if (type.fullName === '.google.protobuf.FieldMask') return { paths: String(json).split(',') };
  const byJsonName = new Map(type.fieldsArray.map((field) => [protobuf.util.camelCase(field.name), field]));
  return Object.fromEntries(
    Object.entries(json as Record<string, unknown>).map(([key, value]) => {
      const field = byJsonName.get(key);
      if (field === undefined) throw new Error(`${type.fullName} has no member ${key}`);
      return [field.name, plainValue(field, value)];
    }),
  );
}

function plainValue(field: protobuf.Field, value: unknown): unknown {
  const one = (item: unknown) =>
    field.resolve().resolvedType instanceof protobuf.Type
      ? plain(field.resolvedType as protobuf.Type, item)
      : item;
  if (field instanceof protobuf.MapField) {
    return Object.fromEntries(
      Object.entries(value as Record<string, unknown>).map(([key, item]) => [key, one(item)]),
    );
  }
  return field.repeated ? (value as unknown[]).map(one) : one(value);
}

const test = suite('vectors');

flintlockVectors().forEach((vector, index) => {
  test(`${index + 1}: ${vector.dialect} ${vector.message}`, () => {
    const type = typeOf(vector.dialect, vector.message);
    const decoded = type.decode(Buffer.from(vector.hex, 'hex'));
    const expected = type.fromObject(plain(type, vector.json));
    const show = (message: protobuf.Message) => type.toObject(message, { defaults: true, enums: String });
    assert.equal(show(decoded), show(expected), 'decoded contents');
    // Presence survives too: a member that is present but empty is written again.
    assert.is(Buffer.from(type.encode(decoded).finish()).toString('hex'), vector.hex, 'encoded again');
  });
});

test.run();
