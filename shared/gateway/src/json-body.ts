import {
  type AnyMessage,
  decodeStored,
  type EnumSpelling,
  isJsonObject,
  type JsonValue,
  type MessageSchema,
  parseJson,
  quoteJson,
  toPlain,
  writeJson,
} from '@edgeplane/objects';

/** How enum values are written: their proto names, or the camel names of older clients. */
export type EnumNames = Extract<EnumSpelling, 'proto' | 'camel'>;

/**
 * A request from a JSON body (controller spec section 3.2). An empty body is an empty message; members are known by proto or
 * lower camel name, and the latter wins; unknown ones are passed over.
 * @throws EdgeplaneError naming the member, the rule and the value
 */
export function decodeBody(schema: MessageSchema, body: string): AnyMessage {
  if (body.trim() === '') return decodeStored(schema, '{}');
  let json: JsonValue;
  try {
    json = parseJson(body);
  } catch {
    // Says what is wrong with the text.
    return decodeStored(schema, body);
  }
  return decodeStored(schema, writeJson(camelLast(json)));
}

/** Members with proto names first, so that of two for the same field the camel one stays. */
function camelLast(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => camelLast(each));
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, each]) => [name, camelLast(each)] as const);
  const isProto = ([name]: readonly [string, JsonValue]) => name.includes('_');
  return Object.fromEntries([...members.filter(isProto), ...members.filter((member) => !isProto(member))]);
}

/** Fields with this number and greater ones are ours, beside those of the reference. */
const OWN_FIELDS = 100;

/**
 * A message as data, every member in declaration order (controller spec section 3.3). What we added to a message is there
 * only when it is set: strict clients of the reference do not know it.
 */
export function plainMessage(schema: MessageSchema, message: unknown, enums: EnumNames): JsonValue {
  return toPlain(schema, message, {
    ...{ enums, defaults: true, defaultsBelow: OWN_FIELDS, longsAsText: true },
  }) as JsonValue;
}

/** JSON text with one space of indent; an empty list takes two lines in the body of a unary call, and one in a stream. */
export function prettyJson(value: JsonValue, emptyList: 'spread' | 'closed', indent = ''): string {
  const inner = `${indent} `;
  if (Array.isArray(value)) {
    if (value.length === 0) return emptyList === 'spread' ? `[\n${indent}]` : '[]';
    const items = value.map((each: JsonValue) => `${inner}${prettyJson(each, emptyList, inner)}`);
    return `[\n${items.join(',\n')}\n${indent}]`;
  }
  if (!isJsonObject(value)) return typeof value === 'string' ? quoteJson(value) : writeJson(value);
  const members = Object.entries(value);
  if (members.length === 0) return '{}';
  const lines = members.map(
    ([name, each]) => `${inner}${quoteJson(name)}: ${prettyJson(each, emptyList, inner)}`,
  );
  return `{\n${lines.join(',\n')}\n${indent}}`;
}
