import { type EdgeplaneError, fail, messageOf } from '@edgeplane/base';
import { enumCamel, enumProtoName, parseEnum } from './enum-names.js';
import { objectErrors } from './errors.js';
import { isJsonObject, type JsonValue, parseJson } from './json-text.js';
import {
  type AnyMessage,
  emptyMessage,
  enumSchema,
  isLong,
  isZero,
  messageSchema,
  readField,
  writeField,
} from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';
import { decodeUsual } from './stored-decoder.js';

/** How {@link decodeJson} treats what it meets. */
export interface DecodeOptions {
  /** Refuse members that the message does not have; otherwise they are ignored. */
  readonly strict?: boolean;
  /** Finds the field of a member; default: proto name, camel name, then either without regard to case. */
  readonly fieldOf?: (schema: MessageSchema, name: string) => FieldSchema | undefined;
}

/**
 * Builds a message from JSON text, in any of the spellings that stored data, REST or tools use.
 * @throws EdgeplaneError naming the path, the rule and the value.
 */
export function decodeStored(schema: MessageSchema, text: string, options: DecodeOptions = {}): AnyMessage {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (error) {
    throw fail(objectErrors.BAD_JSON, { type: schema.name, reason: messageOf(error) });
  }
  const usual = options.strict || options.fieldOf ? undefined : decodeUsual(schema, json);
  return usual ?? decodeJson(schema, json, options);
}

/** The same from parsed JSON. */
export function decodeJson(
  schema: MessageSchema,
  json: JsonValue,
  options: DecodeOptions = {},
  path = '',
): AnyMessage {
  const message = emptyMessage(schema);
  if (json === null) return message;
  if (!isJsonObject(json)) throw bad(path || schema.name, 'must be an object', json);
  for (const [name, value] of Object.entries(json)) {
    const field = (options.fieldOf ?? fieldByName)(schema, name);
    const at = path ? `${path}.${name}` : name;
    if (!field) {
      if (options.strict) throw fail(objectErrors.UNKNOWN_MEMBER, { path: at, type: schema.name });
      continue;
    }
    if (value === null) continue;
    writeField(message, field, decodeField(field, value, options, at));
  }
  return message;
}

function decodeField(field: FieldSchema, value: JsonValue, options: DecodeOptions, path: string): unknown {
  if (field.repeated) {
    if (!Array.isArray(value)) throw bad(path, 'must be a list', value);
    return value.map((v: JsonValue, i) => decodeSingle(field, v, options, `${path}[${i}]`));
  }
  if (field.kind === 'map') {
    if (!isJsonObject(value)) throw bad(path, 'must be an object', value);
    const entries = Object.entries(value).map(([k, v]) => {
      if (field.key !== 'string') decodeScalar(field.key ?? '', k, `${path} key`);
      return [k, decodeScalar(field.type, v, `${path}.${k}`)] as const;
    });
    return Object.fromEntries(entries);
  }
  return decodeSingle(field, value, options, path);
}

function decodeSingle(field: FieldSchema, value: JsonValue, options: DecodeOptions, path: string): unknown {
  if (field.kind === 'message') return decodeJson(messageSchema(field.type), value, options, path);
  if (field.kind === 'enum') return decodeEnum(field, value, path);
  return decodeScalar(field.type, value, path);
}

function decodeEnum(field: FieldSchema, value: JsonValue, path: string): number {
  if (typeof value !== 'string' && typeof value !== 'number')
    throw bad(path, 'must be the name of an enum value', value);
  const number = parseEnum(enumSchema(field.type), value);
  if (number === undefined) throw fail(objectErrors.UNKNOWN_ENUM, { value });
  return number;
}

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

function decodeScalar(type: string, value: JsonValue, path: string): unknown {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw bad(path, 'must be a string', value);
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw bad(path, 'must be true or false', value);
      return value;
    case 'bytes':
      if (typeof value !== 'string') throw bad(path, 'must be base64 text', value);
      return Buffer.from(value, 'base64');
    case 'double':
    case 'float': {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number === 'bigint') return Number(number);
      if (typeof number !== 'number' || !Number.isFinite(number)) throw bad(path, 'must be a number', value);
      return number;
    }
    default:
      return decodeInteger(type, value, path);
  }
}

function decodeInteger(type: string, value: JsonValue, path: string): number | bigint {
  const range = RANGES[type];
  if (!range) throw new Error(`no scalar type ${type}`);
  const [min, max] = range;
  let integer: bigint | undefined;
  if (typeof value === 'bigint') integer = value;
  else if (typeof value === 'number' && Number.isInteger(value)) integer = BigInt(value);
  else if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) integer = BigInt(value);
  if (integer === undefined || integer < min || integer > max) {
    throw bad(path, `must be an integer from ${min} to ${max}`, value);
  }
  return isLong(type) ? integer : Number(integer);
}

function bad(path: string, rule: string, value: JsonValue): EdgeplaneError {
  const text =
    typeof value === 'string'
      ? `"${value}"`
      : typeof value === 'object'
        ? Array.isArray(value)
          ? 'a list'
          : value === null
            ? 'null'
            : 'an object'
        : String(value);
  return fail(objectErrors.BAD_VALUE, { path, rule, value: text });
}

interface FieldNames {
  readonly exact: ReadonlyMap<string, FieldSchema>;
  readonly folded: ReadonlyMap<string, FieldSchema>;
}
const fieldNames = new WeakMap<MessageSchema, FieldNames>();

/** Finds a field by proto or camel name; then, as readers of stored data must, without regard to case. */
export function fieldByName(schema: MessageSchema, name: string): FieldSchema | undefined {
  let names = fieldNames.get(schema);
  if (!names) {
    const exact = new Map<string, FieldSchema>();
    const folded = new Map<string, FieldSchema>();
    for (const field of schema.fields) {
      exact.set(field.name, field).set(field.prop, field);
      folded.set(field.name.toLowerCase(), field).set(field.prop.toLowerCase(), field);
    }
    names = { exact, folded };
    fieldNames.set(schema, names);
  }
  return names.exact.get(name) ?? names.folded.get(name.toLowerCase());
}

/** How enum values are spelt in {@link toPlain}. */
export type EnumSpelling = 'camel' | 'proto' | 'number';

export interface PlainOptions {
  readonly enums: EnumSpelling;
  /** Emit zero values too (REST); otherwise they are left out at every level (tools). */
  readonly defaults: boolean;
  /** With `defaults`: leave zero values of fields with this number and greater ones out all the same. */
  readonly defaultsBelow?: number;
  /** 64-bit integers as text (proto3 JSON); otherwise as bigint or number. */
  readonly longsAsText: boolean;
  /** Name of a member; default the proto name. */
  readonly memberName?: (field: FieldSchema) => string;
  /** Members to leave out. */
  readonly hide?: (field: FieldSchema) => boolean;
}

/** A message as plain data, for REST and command-line output. */
export function toPlain(
  schema: MessageSchema,
  message: unknown,
  options: PlainOptions,
): Record<string, unknown> {
  const source = message as AnyMessage;
  const out: Record<string, unknown> = {};
  for (const field of schema.fields) {
    if (options.hide?.(field)) continue;
    const value = readField(source, field);
    if (field.oneof && value === undefined) continue;
    const plain = plainField(field, value, options);
    const unset = !options.defaults || field.no >= (options.defaultsBelow ?? Number.POSITIVE_INFINITY);
    if (unset && isEmptyPlain(plain, field, value)) continue;
    out[options.memberName?.(field) ?? field.name] = plain;
  }
  return out;
}

function isEmptyPlain(plain: unknown, field: FieldSchema, value: unknown): boolean {
  if (isZero(field, value)) return true;
  return field.kind === 'message' && !field.repeated && Object.keys(plain as object).length === 0;
}

function plainField(field: FieldSchema, value: unknown, options: PlainOptions): unknown {
  const single = (v: unknown): unknown => {
    if (field.kind === 'message')
      return v === undefined ? null : toPlain(messageSchema(field.type), v, options);
    if (field.kind === 'enum') return plainEnum(field, v as number, options.enums);
    if (typeof v === 'bigint')
      return options.longsAsText ? String(v) : Number.isSafeInteger(Number(v)) ? Number(v) : v;
    return v instanceof Uint8Array ? Buffer.from(v).toString('base64') : v;
  };
  if (field.repeated) return ((value as unknown[] | undefined) ?? []).map(single);
  if (field.kind === 'map') return { ...(value as object) };
  return single(value);
}

function plainEnum(field: FieldSchema, value: number, spelling: EnumSpelling): string | number {
  const schema = enumSchema(field.type);
  if (spelling === 'number') return value;
  const text = spelling === 'camel' ? enumCamel(schema, value) : enumProtoName(schema, value);
  return text === String(value) ? value : text;
}
