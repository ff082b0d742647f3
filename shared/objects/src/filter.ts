import { isFieldsMember } from './field-ids.js';
import { type AnyMessage, isZero, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/**
 * Whether an object matches a Show filter (controller spec section 8.4): every member that is set in the filter equals
 * the object's. Zero values are not set. Locations, timestamps and runtime information are never compared; lists of
 * messages that are not keys compare by length.
 */
export function matchesFilter(schema: MessageSchema, filter: unknown, object: unknown): boolean {
  return schema.fields.every((field) => {
    if (isFieldsMember(field) || field.oneof) return true;
    return fieldMatches(field, (filter as AnyMessage)[field.prop], (object as AnyMessage)[field.prop]);
  });
}

function fieldMatches(field: FieldSchema, want: unknown, have: unknown): boolean {
  if (isZero(field, want)) return true;
  if (field.repeated) return listMatches(field, want as unknown[], (have as unknown[] | undefined) ?? []);
  if (field.kind === 'map')
    return mapEquals(want as Record<string, unknown>, (have as Record<string, unknown> | undefined) ?? {});
  if (field.kind === 'message') {
    const schema = messageSchema(field.type);
    return isComparable(schema) ? matchesFilter(schema, want, have ?? {}) : true;
  }
  return want === have;
}

function listMatches(field: FieldSchema, want: readonly unknown[], have: readonly unknown[]): boolean {
  if (want.length !== have.length) return false;
  if (field.kind !== 'message') return want.every((v, i) => v === have[i]);
  const schema = messageSchema(field.type);
  return !isComparable(schema) || want.every((v, i) => matchesFilter(schema, v, have[i]));
}

function mapEquals(want: Record<string, unknown>, have: Record<string, unknown>): boolean {
  const keys = Object.keys(want);
  return keys.length === Object.keys(have).length && keys.every((k) => want[k] === have[k]);
}

/** Only keys, and objects themselves, can be compared. */
function isComparable(schema: MessageSchema): boolean {
  return schema.objKey === true || schema.object !== undefined;
}
