import { ENUMS, MESSAGES } from './gen/schema.js';
import type { EnumSchema, FieldSchema, MessageSchema } from './schema-types.js';

/** A message as ts-proto makes it, seen through its schema. */
export type AnyMessage = Record<string, unknown>;

/** Schema of a message by full name. @throws Error for an unknown name: a programming mistake. */
export function messageSchema(name: string): MessageSchema {
  const schema = MESSAGES[name];
  if (!schema) throw new Error(`no message ${name}`);
  return schema;
}

/** Schema of an enum by full name. @throws Error for an unknown name: a programming mistake. */
export function enumSchema(name: string): EnumSchema {
  const schema = ENUMS[name];
  if (!schema) throw new Error(`no enum ${name}`);
  return schema;
}

const LONG = new Set(['int64', 'uint64', 'fixed64', 'sfixed64', 'sint64']);

/** True for scalar types that are bigint in TypeScript. */
export function isLong(type: string): boolean {
  return LONG.has(type);
}

/** Zero value of a scalar type. */
export function zeroScalar(type: string): unknown {
  if (isLong(type)) return 0n;
  if (type === 'string') return '';
  if (type === 'bool') return false;
  if (type === 'bytes') return new Uint8Array(0);
  return 0;
}

/** Value of a field that is not set. */
export function emptyField(field: FieldSchema): unknown {
  if (field.repeated) return [];
  switch (field.kind) {
    case 'map':
      return {};
    case 'message':
      return field.nonnull ? emptyMessage(messageSchema(field.type)) : undefined;
    case 'enum':
      return 0;
    default:
      return zeroScalar(field.type);
  }
}

/** A message with every field at its zero value, and the always-present sub-messages in place. */
export function emptyMessage(schema: MessageSchema): AnyMessage {
  const out: AnyMessage = {};
  for (const field of schema.fields)
    out[field.oneof ?? field.prop] = field.oneof ? undefined : emptyField(field);
  return out;
}

/** Reads a field; of a oneof, only when it is the chosen one. */
export function readField(message: AnyMessage, field: FieldSchema): unknown {
  if (!field.oneof) return message[field.prop];
  const chosen = message[field.oneof] as { $case: string; value: unknown } | undefined;
  return chosen?.$case === field.prop ? chosen.value : undefined;
}

/** Sets a field; of a oneof, makes it the chosen one. */
export function writeField(message: AnyMessage, field: FieldSchema, value: unknown): void {
  if (field.oneof) message[field.oneof] = { $case: field.prop, value };
  else message[field.prop] = value;
}

/**
 * A deep copy in which always-present sub-messages are in place.
 * What comes from the wire may lack them; the rest of the code relies on them.
 */
export function normalize<T>(schema: MessageSchema, message: T): T {
  const source = message as AnyMessage;
  const out: AnyMessage = {};
  for (const field of schema.fields) {
    if (field.oneof) {
      const chosen = source[field.oneof];
      out[field.oneof] = chosen === undefined ? undefined : { ...(chosen as object) };
      continue;
    }
    out[field.prop] = normalizeField(field, source[field.prop]);
  }
  return out as T;
}

/** Whether {@link normalize} would give an equal message: nothing that is always there is missing. */
export function isNormal(schema: MessageSchema, message: unknown): boolean {
  const source = message as AnyMessage;
  for (const field of schema.fields) {
    if (field.oneof) continue;
    const value = source[field.prop];
    if (value === undefined || value === null) {
      if (value === null || field.kind !== 'message' || field.repeated || field.nonnull) return false;
    } else if (field.kind === 'message') {
      const inner = messageSchema(field.type);
      if (!field.repeated) {
        if (!isNormal(inner, value)) return false;
      } else for (const one of value as unknown[]) if (!isNormal(inner, one)) return false;
    }
  }
  return true;
}

function normalizeField(field: FieldSchema, value: unknown): unknown {
  if (value === undefined || value === null) return emptyField(field);
  if (field.kind === 'message') {
    const schema = messageSchema(field.type);
    if (field.repeated) return (value as unknown[]).map((v) => normalize(schema, v as AnyMessage));
    return normalize(schema, value as AnyMessage);
  }
  if (field.repeated) return [...(value as unknown[])];
  if (field.kind === 'map') return { ...(value as object) };
  return value;
}

/** A field that is a message or a list of them: what else may be missing in a decoded message. */
interface Part {
  readonly field: FieldSchema;
  readonly schema: MessageSchema;
  /** It has no such fields itself. */
  readonly isLeaf: boolean;
}

const parts = new WeakMap<MessageSchema, readonly Part[]>();

const isPart = ({ kind, oneof }: FieldSchema) => kind === 'message' && oneof === undefined;

function partsOf(schema: MessageSchema): readonly Part[] {
  const found = schema.fields.filter(isPart).map((field) => {
    const inner = messageSchema(field.type);
    return { field, schema: inner, isLeaf: !inner.fields.some(isPart) };
  });
  parts.set(schema, found);
  return found;
}

/** Puts always-present sub-messages into a decoded message, which has all its other members; the same message. */
export function complete<T>(schema: MessageSchema, message: T): T {
  const target = message as AnyMessage;
  for (const part of parts.get(schema) ?? partsOf(schema)) {
    const { field } = part;
    const value = target[field.prop];
    if (value === undefined) target[field.prop] = emptyField(field);
    else if (part.isLeaf) continue;
    else if (field.repeated) for (const one of value as AnyMessage[]) complete(part.schema, one);
    else complete(part.schema, value as AnyMessage);
  }
  return message;
}

/** True when the value is the field's zero value; messages count as zero only when absent. */
export function isZero(field: FieldSchema, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (field.repeated) return (value as unknown[]).length === 0;
  if (field.kind === 'map') return Object.keys(value as object).length === 0;
  if (field.kind === 'message') return false;
  if (field.type === 'bytes') return (value as Uint8Array).length === 0;
  return value === 0 || value === 0n || value === '' || value === false;
}

/** Whether every scalar of a message, and of the messages in it, is set. */
export function isWhole(schema: MessageSchema, message: unknown): boolean {
  return schema.fields.every((field) => {
    const value = (message as AnyMessage)[field.prop];
    if (isZero(field, value)) return false;
    return field.kind !== 'message' || field.repeated || isWhole(messageSchema(field.type), value);
  });
}
