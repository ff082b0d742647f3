import {
  decodeJson,
  type FieldSchema,
  type JsonValue,
  type MessageSchema,
  messageSchema,
} from '@edgeplane/objects';
import { type Document, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';
import { squash } from './flag-table.js';
import { leafFault } from './leaf-value.js';
import { resolved, type YamlSource } from './yaml-source.js';

/** Where in a file decoding is. */
export interface YamlPlace {
  readonly source: YamlSource;
  readonly document: Document.Parsed;
  /** Such as `apps[0].key`. */
  readonly path: string;
}

/**
 * Makes a message of a YAML mapping. Members may be spelt `access_ports`, `accessports` or `accessPorts`; enum values
 * by camel name, proto name or number.
 * @throws EdgeplaneError BAD_DOCUMENT with the place, the path and the rule.
 */
export function messageOfNode(
  schema: MessageSchema,
  node: Node | undefined,
  place: YamlPlace,
): Record<string, unknown> {
  return decodeJson(schema, messageJson(schema, node, place), { strict: true });
}

function messageJson(schema: MessageSchema, node: Node | undefined, place: YamlPlace): JsonValue {
  if (isNull(node)) return null;
  if (!isMap(node))
    throw fault(node, place, `must be a mapping of ${shortName(schema)}, but is ${kindOf(node)}`);
  const out: Record<string, JsonValue> = {};
  for (const { name, key, value } of members(node, place)) {
    const inner = { ...place, path: `${place.path}.${name}` };
    const field = schema.fields.find((f) => squash(f.name) === squash(name));
    if (!field) throw fault(key, inner, `no such field in ${shortName(schema)}`);
    if (Object.hasOwn(out, field.name)) throw fault(key, inner, 'is given twice');
    if (!isNull(value)) out[field.name] = fieldJson(field, value, inner);
  }
  return out;
}

/** The members of a mapping, with aliases resolved. */
export function members(
  map: YAMLMap,
  { source, document, path }: YamlPlace,
): readonly { name: string; key: Node; value: Node | undefined }[] {
  return map.items.map((pair) => {
    const key = resolved(source, document, pair.key as Node);
    if (!key || !isScalar(key) || typeof key.value !== 'string')
      throw source.fault(pair.key as Node, `${path || 'the document'}: names of fields must be text`);
    return { name: key.value, key, value: resolved(source, document, pair.value as Node | null) };
  });
}

function fieldJson(field: FieldSchema, node: Node | undefined, place: YamlPlace): JsonValue {
  if (field.kind === 'map') return mapJson(field, node, place);
  if (!field.repeated) return singleJson(field, node, place);
  if (!isSeq(node)) throw fault(node, place, `must be a list, but is ${kindOf(node)}`);
  return node.items.map((item, i) =>
    singleJson(field, resolved(place.source, place.document, item as Node), {
      ...place,
      path: `${place.path}[${i}]`,
    }),
  );
}

function mapJson(field: FieldSchema, node: Node | undefined, place: YamlPlace): JsonValue {
  if (!isMap(node)) throw fault(node, place, `must be a mapping, but is ${kindOf(node)}`);
  const entries = members(node, place).map(({ name, value }) => [
    name,
    scalarJson({ ...field, kind: 'scalar' }, value, { ...place, path: `${place.path}.${name}` }),
  ]);
  return Object.fromEntries(entries) as JsonValue;
}

function singleJson(field: FieldSchema, node: Node | undefined, place: YamlPlace): JsonValue {
  if (field.kind === 'message') return messageJson(messageSchema(field.type), node, place);
  return scalarJson(field, node, place);
}

function scalarJson(field: FieldSchema, node: Node | undefined, place: YamlPlace): JsonValue {
  if (!isScalar(node)) throw fault(node, place, `must be a single value, but is ${kindOf(node)}`);
  const value = scalarValue(field, node);
  const reason = leafFault(field, value);
  if (reason !== undefined) throw fault(node, place, reason);
  return value;
}

/** A text field takes `1.0` and `true` as they are written: versions are seldom quoted. */
function scalarValue(field: FieldSchema, node: Scalar): JsonValue {
  if (field.type === 'string' && typeof node.value !== 'string') return node.source ?? String(node.value);
  const value = node.value as JsonValue;
  return field.kind === 'enum' && typeof value === 'bigint' ? Number(value) : value;
}

export function isNull(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}

/** What a node is, in words. */
export function kindOf(node: Node | undefined): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isNull(node)) return 'empty';
  return isScalar(node) ? `"${node.source ?? String(node.value)}"` : 'something else';
}

function fault(node: Node | undefined, place: YamlPlace, reason: string): Error {
  return place.source.fault(node, `${place.path}: ${reason}`);
}

function shortName(schema: MessageSchema): string {
  return schema.name.slice(schema.name.lastIndexOf('.') + 1);
}
