import { fail } from '@edgeplane/base';
import { objectErrors } from './errors.js';
import { messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

/**
 * Field ids: dotted proto field numbers from the object's root, such as `3.1` (controller spec section 8.1).
 * A map's key and value are its id with `.1` and `.2`; the `fields` member has no id.
 */
interface IdTable {
  readonly leaves: readonly string[];
  readonly all: ReadonlySet<string>;
}

const tables = new WeakMap<MessageSchema, IdTable>();

function tableOf(schema: MessageSchema): IdTable {
  let table = tables.get(schema);
  if (!table) {
    const leaves: string[] = [];
    const all = new Set<string>();
    const visit = (message: MessageSchema, prefix: string): void => {
      for (const field of message.fields) {
        if (prefix === '' && isFieldsMember(field)) continue;
        const id = `${prefix}${field.no}`;
        all.add(id);
        if (field.kind === 'message') visit(messageSchema(field.type), `${id}.`);
        else if (field.kind === 'map') {
          all.add(`${id}.1`).add(`${id}.2`);
          leaves.push(`${id}.1`, `${id}.2`);
        } else leaves.push(id);
      }
    };
    visit(schema, '');
    table = { leaves, all };
    tables.set(schema, table);
  }
  return table;
}

/** True for the `fields` member of an object. */
export function isFieldsMember(field: FieldSchema): boolean {
  return field.name === 'fields' && field.no === 1 && field.repeated === true;
}

/** Ids of all leaves, in declaration order: "all fields" of an object. */
export function leafIds(schema: MessageSchema): readonly string[] {
  return tableOf(schema).leaves;
}

/**
 * The id of a field by its id or its dotted proto names, such as `key.developer_key` for `2.1`.
 * @throws EdgeplaneError naming what the message does not have.
 */
export function fieldIdOf(schema: MessageSchema, path: string): string {
  if (tableOf(schema).all.has(path)) return path;
  const ids: number[] = [];
  let at: MessageSchema | undefined = schema;
  for (const name of path.split('.')) {
    const field: FieldSchema | undefined = at?.fields.find((f) => f.name === name);
    if (!field || (ids.length === 0 && isFieldsMember(field)))
      throw fail(objectErrors.UNKNOWN_FIELD_ID, { type: shortName(schema), id: path });
    ids.push(field.no);
    at = field.kind === 'message' ? messageSchema(field.type) : undefined;
  }
  return ids.join('.');
}

/** Which fields an update applies to. */
export interface FieldMask {
  /** True when the field, a parent of it or something inside it is listed. */
  touches(id: string): boolean;
  /** True when the field itself or a parent of it is listed, hence all of it is to be applied. */
  covers(id: string): boolean;
}

/**
 * Builds a mask from an update's `fields`. A listed parent means its whole subtree.
 * @throws EdgeplaneError naming an id that the message does not have.
 */
export function fieldMask(schema: MessageSchema, ids: readonly string[]): FieldMask {
  const { all } = tableOf(schema);
  const listed = new Set<string>();
  const touched = new Set<string>();
  for (const id of ids) {
    if (!all.has(id)) throw fail(objectErrors.UNKNOWN_FIELD_ID, { type: shortName(schema), id });
    listed.add(id);
    for (const prefix of prefixes(id)) touched.add(prefix);
  }
  const covers = (id: string) => prefixes(id).some((p) => listed.has(p));
  return { covers, touches: (id) => touched.has(id) || covers(id) };
}

/** A mask that covers everything. */
export const FULL_MASK: FieldMask = { covers: () => true, touches: () => true };

function prefixes(id: string): string[] {
  const parts = id.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}

/** `edgeproto.App` -> `App`. */
export function shortName(schema: MessageSchema): string {
  return schema.name.slice(schema.name.lastIndexOf('.') + 1);
}
