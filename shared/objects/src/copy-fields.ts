import { type FieldMask, isFieldsMember } from './field-ids.js';
import { type AnyMessage, emptyMessage, messageSchema, normalize } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/**
 * Applies the masked fields of `source` to a copy of `target` (controller spec section 8.3, with its faults mended):
 * lists are replaced whole, also by an empty one, as soon as the list or anything inside it is listed; of embedded
 * messages only the listed leaves change. `fields` itself is never copied. Members of a oneof are not copied.
 */
export function copyFields<T>(schema: MessageSchema, target: T, source: T, mask: FieldMask): T {
  return copyMessage(schema, target as AnyMessage, source as AnyMessage, mask, '') as T;
}

function copyMessage(
  schema: MessageSchema,
  target: AnyMessage,
  source: AnyMessage,
  mask: FieldMask,
  prefix: string,
): AnyMessage {
  const out = normalize(schema, target);
  for (const field of schema.fields) {
    const id = `${prefix}${field.no}`;
    if (field.oneof || (prefix === '' && isFieldsMember(field)) || !mask.touches(id)) continue;
    out[field.prop] = copyField(field, out[field.prop], source[field.prop], mask, id);
  }
  return out;
}

function copyField(
  field: FieldSchema,
  target: unknown,
  source: unknown,
  mask: FieldMask,
  id: string,
): unknown {
  if (field.kind !== 'message') return cloneOf(field, source);
  const schema = messageSchema(field.type);
  if (field.repeated) return ((source as AnyMessage[] | undefined) ?? []).map((v) => normalize(schema, v));
  if (source === undefined) {
    // A nullable message that the request leaves out: gone when all of it is listed, else untouched.
    if (!field.nonnull) return mask.covers(id) ? undefined : target;
    return copyMessage(schema, target as AnyMessage, emptyMessage(schema), mask, `${id}.`);
  }
  return copyMessage(
    schema,
    (target as AnyMessage | undefined) ?? emptyMessage(schema),
    source as AnyMessage,
    mask,
    `${id}.`,
  );
}

function cloneOf(field: FieldSchema, value: unknown): unknown {
  if (field.repeated) return [...((value as unknown[] | undefined) ?? [])];
  if (field.kind === 'map') return { ...((value as object | undefined) ?? {}) };
  return value;
}
