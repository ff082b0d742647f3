import { camelName } from './enum-names.js';
import { isJsonObject, type JsonValue } from './json-text.js';
import { type AnyMessage, emptyMessage, enumSchema, isLong, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** Says that a value is not spelt as this store writes it; whether it is good is for others to find out. */
const UNUSUAL: unique symbol = Symbol('unusual');

type Decode = (value: JsonValue) => unknown;

interface Field {
  readonly prop: string;
  readonly decode: Decode;
}

interface Decoder {
  readonly blank: AnyMessage;
  readonly fields: ReadonlyMap<string, Field>;
}

/** Keys of other objects that are remembered per field, to be shared by those that refer to them. */
const SHARED = 1024;

const compiled = new WeakMap<MessageSchema, Decoder>();

/**
 * Builds a message from parsed JSON in exactly the spelling of `encodeStored`, fast. Undefined for everything else, errors
 * included: `decodeJson` reads other spellings and says what is wrong.
 *
 * Thousands of messages are kept of which most members are alike. What is not set, and keys of other objects, are shared
 * between messages, and frozen for that.
 */
export function decodeUsual(schema: MessageSchema, json: JsonValue): AnyMessage | undefined {
  const message = decodeMessage(schema, json);
  return message === UNUSUAL ? undefined : message;
}

function decodeMessage(schema: MessageSchema, json: JsonValue): AnyMessage | typeof UNUSUAL {
  if (!isJsonObject(json)) return UNUSUAL;
  let decoder = compiled.get(schema);
  if (!decoder) {
    decoder = compile(schema);
    compiled.set(schema, decoder);
  }
  const message = { ...decoder.blank };
  for (const name of Object.keys(json)) {
    const field = decoder.fields.get(name);
    const value = json[name];
    if (!field || value === undefined) return UNUSUAL;
    if (value === null) continue;
    const decoded = field.decode(value);
    if (decoded === UNUSUAL) return UNUSUAL;
    message[field.prop] = decoded;
  }
  return message;
}

function compile(schema: MessageSchema): Decoder {
  const fields = schema.fields.map(
    (field) => [field.name, { prop: field.prop, decode: decodeOf(field) }] as const,
  );
  return { blank: freeze(emptyMessage(schema)), fields: new Map(fields) };
}

/** Freezes a value and everything in it. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}

/** Gives the same message for the same JSON, as long as that is one of the last few. */
function sharing(decode: Decode): Decode {
  const known = new Map<string, unknown>();
  return (value) => {
    const text = jsonText(value);
    if (text === undefined) return UNUSUAL;
    const found = known.get(text);
    if (found !== undefined) return found;
    const decoded = decode(value);
    if (decoded === UNUSUAL) return UNUSUAL;
    if (known.size >= SHARED) known.clear();
    known.set(text, freeze(decoded));
    return decoded;
  };
}

/** Undefined for what holds integers that a double cannot hold. */
function jsonText(value: JsonValue): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function decodeOf(field: FieldSchema): Decode {
  if (field.oneof || field.kind === 'map') return () => UNUSUAL;
  const single = field.refs === undefined ? singleOf(field) : sharing(singleOf(field));
  if (!field.repeated) return single;
  return (value) => {
    if (!Array.isArray(value)) return UNUSUAL;
    const list = value.map((item: JsonValue) => single(item));
    return list.includes(UNUSUAL) ? UNUSUAL : list;
  };
}

function singleOf(field: FieldSchema): Decode {
  switch (field.kind) {
    case 'message': {
      const schema = messageSchema(field.type);
      return (value) => decodeMessage(schema, value);
    }
    case 'enum': {
      const names = Object.entries(enumSchema(field.type).values);
      const numbers = new Map<JsonValue, number>(names.map(([name, number]) => [camelName(name), number]));
      return (value) => numbers.get(value) ?? UNUSUAL;
    }
    default:
      return scalarOf(field.type);
  }
}

function scalarOf(type: string): Decode {
  switch (type) {
    case 'string':
      return (value) => (typeof value === 'string' ? value : UNUSUAL);
    case 'bool':
      return (value) => (typeof value === 'boolean' ? value : UNUSUAL);
    case 'double':
    case 'float':
      return (value) => (typeof value === 'number' && Number.isFinite(value) ? value : UNUSUAL);
    case 'bytes':
      return () => UNUSUAL;
    default: {
      // Within the range of every type; larger and negative ones are rare enough to be read the long way.
      const long = isLong(type);
      return (value) => {
        if (typeof value !== 'number' || !(value >= 0 && value < 2 ** 31) || !Number.isInteger(value))
          return UNUSUAL;
        return long ? BigInt(value) : value;
      };
    }
  }
}
