import { fail } from '@edgeplane/base';
import { enumCamel } from './enum-names.js';
import { objectErrors } from './errors.js';
import { quoteJson } from './json-text.js';
import { type AnyMessage, enumSchema, isZero, messageSchema, readField } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** Text of a value; a field's is undefined when the field is left out. */
type Text = (value: unknown) => string;
type FieldText = (message: AnyMessage) => string | undefined;

const compiled = new WeakMap<MessageSchema, Text>();

/**
 * Compact JSON text of a message as the store keeps it (controller spec section 6.2): declaration order, proto names,
 * zero values left out except always-present messages and lists, enums by camel name, 64-bit integers as plain numbers.
 * What there is to know about a type's fields is found out once per type.
 */
export function encodeStored(schema: MessageSchema, message: unknown): string {
  return encoderOf(schema)(message);
}

function encoderOf(schema: MessageSchema): Text {
  let encoder = compiled.get(schema);
  if (!encoder) {
    encoder = messageText(schema.fields.map(fieldText));
    compiled.set(schema, encoder);
  }
  return encoder;
}

function messageText(fields: readonly FieldText[]): Text {
  return (message) => {
    let out = '';
    for (const field of fields) {
      const text = field(message as AnyMessage);
      if (text === undefined) continue;
      out = out === '' ? text : `${out},${text}`;
    }
    return `{${out}}`;
  };
}

function fieldText(field: FieldSchema): FieldText {
  const name = `"${field.name}":`;
  const text = valueText(field);
  if (field.nonnull) {
    const empty = field.repeated ? 'null' : undefined;
    if (!field.repeated && field.oneof === undefined) {
      const { prop } = field;
      return (message) => name + text(message[prop] ?? {});
    }
    return (message) => {
      const value = readField(message, field);
      if (empty !== undefined && (value === undefined || (value as unknown[]).length === 0))
        return name + empty;
      return name + text(value ?? {});
    };
  }
  // Most of what keys are made of.
  if (field.kind === 'scalar' && field.type === 'string' && !field.repeated && field.oneof === undefined) {
    const { prop } = field;
    return (message) => {
      const value = message[prop] as string | undefined;
      return value ? name + quoteJson(value) : undefined;
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
      // Found when it is first needed: a message may hold others of its type.
      let encoder: Text | undefined;
      return (value) => {
        encoder ??= encoderOf(schema);
        return encoder(value);
      };
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
