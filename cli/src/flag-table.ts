import { type FieldSchema, isFieldsMember, type MessageSchema, messageSchema } from '@edgeplane/objects';
import { enumNames } from './leaf-value.js';

/** A flag that sets one leaf of a request. */
export interface MessageFlag {
  /** Without dashes, such as `key-appkey-name`. */
  readonly name: string;
  /** Fields from the request down to the leaf. */
  readonly path: readonly FieldSchema[];
  /** Dotted field numbers of the path. */
  readonly id: string;
  /** The leaf takes several values. */
  readonly many: boolean;
  /** Kind of value, for help. */
  readonly value: string;
  readonly about: string;
}

/**
 * The flags of a request message, one per leaf in declaration order: lower-case names without underscores, joined by
 * dashes (edgectl spec section 14). A flag below a list of messages sets its first element. `fields` has none.
 */
export function messageFlags(schema: MessageSchema): readonly MessageFlag[] {
  const flags: MessageFlag[] = [];
  const visit = (message: MessageSchema, path: readonly FieldSchema[]): void => {
    for (const field of message.fields) {
      if (path.length === 0 && isFieldsMember(field)) continue;
      // A message inside itself would never end; its inner copy has no flags.
      if (field.kind === 'message' && path.some((f) => f.type === field.type)) continue;
      const inner = [...path, field];
      if (field.kind === 'message') visit(messageSchema(field.type), inner);
      else flags.push(flagOf(field, inner));
    }
  };
  visit(schema, []);
  return flags;
}

function flagOf(leaf: FieldSchema, path: readonly FieldSchema[]): MessageFlag {
  const many = leaf.repeated === true || leaf.kind === 'map';
  return {
    name: path.map((field) => squash(field.name)).join('-'),
    path,
    id: path.map((field) => field.no).join('.'),
    many,
    value: valueKind(leaf),
    about: about(path, leaf, many),
  };
}

/** `access_ports` -> `accessports`: the names of flags and of YAML members. */
export function squash(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function valueKind(leaf: FieldSchema): string {
  if (leaf.kind === 'map') return 'key=value';
  if (leaf.kind === 'enum') return 'name';
  if (leaf.type === 'bool') return 'true|false';
  return leaf.type === 'string' ? 'text' : 'number';
}

/** The path as YAML and JSON spell it, and what may be given. */
function about(path: readonly FieldSchema[], leaf: FieldSchema, many: boolean): string {
  const name = path.map((field) => field.name).join('.');
  const values = leaf.kind === 'enum' ? `: one of ${enumNames(leaf).join(', ')}` : '';
  return `${name}${values}${many ? ' (may be given several times)' : ''}`;
}
