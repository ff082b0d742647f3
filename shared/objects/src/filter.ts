import { isFieldsMember } from './field-ids.js';
import { type AnyMessage, isZero, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** A part of a filter that an object must satisfy. */
type Condition = (object: unknown) => boolean;

/**
 * Whether an object matches a Show filter (controller spec section 8.4): every member that is set in the filter equals
 * the object's. Zero values are not set. Locations, timestamps and runtime information are never compared; lists of
 * messages that are not keys compare by length.
 */
export function matchesFilter(schema: MessageSchema, filter: unknown, object: unknown): boolean {
  return conditionsOf(schema, filter).every((holds) => holds(object));
}

/** The same for many objects and one filter; undefined when it matches all. */
export function filterTest(
  schema: MessageSchema,
  filter: unknown,
): ((object: unknown) => boolean) | undefined {
  const conditions = conditionsOf(schema, filter);
  return conditions.length === 0 ? undefined : (object) => conditions.every((holds) => holds(object));
}

/** One condition for each member that is set and compared. */
function conditionsOf(schema: MessageSchema, filter: unknown): Condition[] {
  return schema.fields.flatMap((field): Condition[] => {
    const { prop } = field;
    const want = (filter as AnyMessage)[prop];
    if (isFieldsMember(field) || field.oneof || isZero(field, want)) return [];
    const have = (object: unknown) => (object as AnyMessage)[prop];
    if (field.repeated) {
      return [
        (object) => listMatches(field, want as unknown[], (have(object) as unknown[] | undefined) ?? []),
      ];
    }
    if (field.kind === 'map') {
      const map = want as Record<string, unknown>;
      return [(object) => mapEquals(map, (have(object) as Record<string, unknown> | undefined) ?? {})];
    }
    if (field.kind !== 'message') return [(object) => have(object) === want];
    const inner = messageSchema(field.type);
    if (!isComparable(inner)) return [];
    return conditionsOf(inner, want).map((holds) => (object: unknown) => holds(have(object) ?? {}));
  });
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
