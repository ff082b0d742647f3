import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '@edgeplane/objects';

/** Stored JSON as upgrade functions read it: by member, without a schema. */

/** @throws Error when the text is not a JSON object; it never holds the text itself. */
export function parseObject(text: string): JsonObject {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch {
    throw new Error('the value is not JSON');
  }
  if (!isJsonObject(json)) throw new Error('the value is not a JSON object');
  return json;
}

/** A member by name, else by its name in any case: hand-written data was always read like that. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  if (Object.hasOwn(object, name)) return object[name];
  const folded = name.toLowerCase();
  return Object.entries(object).find(([other]) => other.toLowerCase() === folded)?.[1];
}

/** A member that is an object; an empty one when it is absent or null. @throws Error when it is anything else */
export function objectMember(object: JsonObject, name: string): JsonObject {
  const value = member(object, name) ?? null;
  if (value === null) return {};
  if (!isJsonObject(value)) throw new Error(`${name}: must be an object`);
  return value;
}

/** A text, undefined when it is absent or empty. @throws Error when it is anything else */
export function textMember(object: JsonObject, name: string): string | undefined {
  const value = member(object, name) ?? '';
  if (typeof value !== 'string') throw new Error(`${name}: must be a text`);
  return value === '' ? undefined : value;
}

/** A list; undefined when it is absent or null. @throws Error when it is anything else */
export function listMember(object: JsonObject, name: string): readonly JsonValue[] | undefined {
  const value = member(object, name) ?? null;
  if (value === null) return undefined;
  if (!Array.isArray(value)) throw new Error(`${name}: must be a list`);
  return value;
}

/** An object of the members that are there, in the order given. */
export function compact(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as JsonObject;
}
