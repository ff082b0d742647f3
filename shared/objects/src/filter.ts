import { type FieldMask, isFieldsMember } from './field-ids.js';
import { type AnyMessage, emptyMessage, isZero, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/** What a filter says beyond its members; our own addition. */
export interface FilterRules {
  /** Fields that are compared also when they are zero. */
  readonly zero?: FieldMask | undefined;
  /** `*` in a text of the filter stands for any characters; lists of texts stay exact. */
  readonly wildcards?: boolean | undefined;
}

const NO_RULES: FilterRules = {};

/** A part of a filter that an object must satisfy. */
type Condition = (object: unknown) => boolean;

/**
 * Whether an object matches a Show filter (controller spec section 8.4): every member that is set in the filter equals
 * the object's. Zero values are not set. Locations, timestamps and runtime information are never compared; lists of
 * messages that are not keys compare by length.
 */
export function matchesFilter(schema: MessageSchema, filter: unknown, object: unknown): boolean {
  return conditionsOf(schema, filter, NO_RULES, '').every((holds) => holds(object));
}

/** The same for many objects and one filter; undefined when it matches all. */
export function filterTest(
  schema: MessageSchema,
  filter: unknown,
  rules: FilterRules = NO_RULES,
): ((object: unknown) => boolean) | undefined {
  const conditions = conditionsOf(schema, filter, rules, '');
  return conditions.length === 0 ? undefined : (object) => conditions.every((holds) => holds(object));
}

/** One condition for each member that is compared: it is set, or the rules name it. */
function conditionsOf(
  schema: MessageSchema,
  filter: unknown,
  rules: FilterRules,
  prefix: string,
): Condition[] {
  return schema.fields.flatMap((field): Condition[] => {
    const { prop } = field;
    const id = `${prefix}${field.no}`;
    const want = (filter as AnyMessage)[prop];
    if (isFieldsMember(field) || field.oneof) return [];
    if (isZero(field, want) && !rules.zero?.touches(id)) return [];
    const have = (object: unknown) => (object as AnyMessage)[prop];
    if (field.repeated) {
      return [
        (object) =>
          listMatches(
            field,
            (want as unknown[] | undefined) ?? [],
            (have(object) as unknown[] | undefined) ?? [],
          ),
      ];
    }
    if (field.kind === 'map') {
      const map = (want as Record<string, unknown> | undefined) ?? {};
      return [(object) => mapEquals(map, (have(object) as Record<string, unknown> | undefined) ?? {})];
    }
    if (rules.wildcards && typeof want === 'string' && want.includes('*'))
      return [(object) => globMatches(want, String(have(object) ?? ''))];
    if (field.kind !== 'message') return [(object) => have(object) === want];
    const inner = messageSchema(field.type);
    if (!isComparable(inner)) return [];
    const unset = emptyMessage(inner);
    return conditionsOf(inner, want ?? unset, rules, `${id}.`).map(
      (holds) => (object: unknown) => holds(have(object) ?? unset),
    );
  });
}

/** The filter without the texts that have wildcards: what matches the whole of it matches this too. */
export function fixedPart(schema: MessageSchema, filter: unknown): AnyMessage {
  const fixed: AnyMessage = { ...(filter as AnyMessage) };
  for (const field of schema.fields) {
    const value = fixed[field.prop];
    if (field.repeated || field.kind === 'map') continue;
    if (typeof value === 'string' && value.includes('*')) fixed[field.prop] = '';
    else if (field.kind === 'message' && value !== undefined)
      fixed[field.prop] = fixedPart(messageSchema(field.type), value);
  }
  return fixed;
}

/** Whether a text is the pattern, in which each `*` stands for any characters. One pass, whatever the pattern. */
function globMatches(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop() ?? '';
  if (!text.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
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
