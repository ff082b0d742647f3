/** fast-check arbitraries of messages, built from their schemas; for tests of this and other packages. */
import * as fc from 'fast-check';
import { type AnyMessage, enumSchema, isLong, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** Any text that has a UTF-8 form, with a taste for what escaping gets wrong. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<',
        '>',
        '&',
        '"',
        '\\',
        '/',
        '\n',
        '\r',
        '\t',
        '\b',
        '\f',
        '\0',
        '\u2028',
        '\u2029',
        '{',
        '}',
      ),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function anyScalar(type: string): fc.Arbitrary<unknown> {
  if (type === 'string') return anyText;
  if (type === 'bool') return fc.boolean();
  if (type === 'double') return fc.double({ noNaN: true, noDefaultInfinity: true });
  const range = INTEGERS[type];
  if (!range) throw new Error(`no arbitrary for ${type}`);
  const [min, max] = range;
  const integer = fc.oneof(fc.constantFrom(0n, min, max, 1n), fc.bigInt({ min, max }));
  return isLong(type) ? integer : integer.map(Number);
}

function anySingle(field: FieldSchema): fc.Arbitrary<unknown> {
  if (field.kind === 'message') return anyMessage(messageSchema(field.type));
  if (field.kind === 'enum') return fc.constantFrom(...Object.values(enumSchema(field.type).values));
  return anyScalar(field.type);
}

function anyField(field: FieldSchema): fc.Arbitrary<unknown> {
  if (field.repeated) return fc.array(anySingle(field), { maxLength: 3 });
  if (field.kind === 'map') {
    const key =
      field.key === 'string'
        ? anyText.filter((k) => k !== '__proto__')
        : fc.integer({ min: 1, max: 70000 }).map(String);
    return fc
      .dictionary(key, anyScalar(field.type), { maxKeys: 3, noNullPrototype: true })
      .map((map) => ({ ...map }));
  }
  if (field.kind === 'message' && !field.nonnull) return fc.option(anySingle(field), { nil: undefined });
  return anySingle(field);
}

/** Any normalized message of a schema without oneofs; `fields` stays empty, as it is never stored. */
export function anyMessage(schema: MessageSchema): fc.Arbitrary<AnyMessage> {
  const members = schema.fields.map((field) => {
    const value = field.name === 'fields' && field.repeated ? fc.constant([]) : anyField(field);
    return [field.prop, value] as const;
  });
  return fc.record(Object.fromEntries(members), { noNullPrototype: true }) as fc.Arbitrary<AnyMessage>;
}
