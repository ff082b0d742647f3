import { fail } from '@edgeplane/base';
import { enumCamel } from './enum-names.js';
import { objectErrors } from './errors.js';
import { quoteJson } from './json-text.js';
import { type AnyMessage, enumSchema, isZero, messageSchema, readField } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** Text of a value; a field's is undefined when the field is left out. */
type Text = (value: unknown) => string;
type FieldText = (message: AnyMessage) => string | undefined;

const compiled = new WeakMap<MessageSchema, readonly FieldText[]>();

/**
 * Compact JSON text of a message as the store keeps it (controller spec section 6.2): declaration order, proto names,
 * zero values left out except always-present messages and lists, enums by camel name, 64-bit integers as plain numbers.
 * What there is to know about a type's fields is found out once per type.
 */
export function encodeStored(schema: MessageSchema, message: unknown): string {
  let fields = compiled.get(schema);
  if (!fields) {
    fields = schema.fields.map(fieldText);
    compiled.set(schema, fields);
  }
  let out = '{';
  for (const field of fields) {
    const text = field(message as AnyMessage);
    if (text !== undefined) out += out.length === 1 ? text : `,${text}`;
  }
  return `${out}}`;
}

function fieldText(field: FieldSchema): FieldText {
  const name = `"${field.name}":`;
  const text = valueText(field);
  if (field.nonnull) {
    const empty = field.repeated ? 'null' : undefined;
    return (message) => {
      const value = readField(message, field);
      if (empty !== undefined && (value === undefined || (value as unknown[]).length === 0))
        return name + empty;
      return name + text(value ?? {});
    };
  }
  return (message) => {
    const value = readField(message, field);
    return isZero(field, value) ? undefined : name + text(value);
  };
}

function valueText(field: FieldSchema): Text {
  const single = singleText(field);
  if (field.repeated) return (value) => `[${(value as unknown[]).map(single).join(',')}]`;
  if (field.kind !== 'map') return single;
  return (value) => {
    const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) =>
      a < b ? -1 : a > b ? 1 : 0,
    );
    return `{${entries.map(([k, v]) => `${quoteJson(k)}:${single(v)}`).join(',')}}`;
  };
}

function singleText(field: FieldSchema): Text {
  switch (field.kind) {
    case 'message': {
      const schema = messageSchema(field.type);
      return (value) => encodeStored(schema, value);
    }
    case 'enum': {
      const schema = enumSchema(field.type);
      return (value) => quoteJson(enumCamel(schema, value as number));
    }
    default:
      return field.type === 'double' || field.type === 'float'
        ? (value) => numberText(field.type, value)
        : scalarText;
  }
}

function scalarText(value: unknown): string {
  if (typeof value === 'string') return quoteJson(value);
  if (value instanceof Uint8Array) return quoteJson(Buffer.from(value).toString('base64'));
  return String(value);
}

function numberText(type: string, value: unknown): string {
  const number = value as number;
  // JSON has no spelling for these; stored data never held one, so refuse instead of losing it.
  if (!Number.isFinite(number))
    throw fail(objectErrors.BAD_VALUE, { path: type, rule: 'must be a finite number', value: number });
  return Object.is(number, -0) ? '-0' : String(number);
}
