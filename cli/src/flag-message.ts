import { fail } from '@edgeplane/base';
import { decodeJson, type FieldSchema, type JsonValue, type MessageSchema } from '@edgeplane/objects';
import { cliErrors } from './errors.js';
import type { MessageFlag } from './flag-table.js';
import { leafFault } from './leaf-value.js';

/** A flag as it was given: the text, or texts of a flag that takes several. */
export interface GivenFlag {
  readonly flag: MessageFlag;
  readonly texts: readonly string[];
}

interface Tree {
  [name: string]: JsonValue | Tree | Tree[];
}

/**
 * Makes a request of flags. With `withFields` its `fields` member lists the ids of all flags given, as updates need.
 * @throws EdgeplaneError BAD_FLAG_VALUE naming the flag and the rule.
 */
export function messageOfFlags(
  schema: MessageSchema,
  given: readonly GivenFlag[],
  withFields: boolean,
): Record<string, unknown> {
  const tree: Tree = {};
  for (const { flag, texts } of given) place(tree, flag.path, parseTexts(flag, texts));
  const message = decodeJson(schema, tree as JsonValue, { strict: true });
  if (withFields) message['fields'] = given.map(({ flag }) => flag.id);
  return message;
}

function place(tree: Tree, path: readonly FieldSchema[], value: JsonValue): void {
  const [field, ...rest] = path;
  if (!field) return;
  if (rest.length === 0) {
    tree[field.name] = value;
    return;
  }
  // Below a list, flags mean its first element.
  const inner = ((field.repeated ? (tree[field.name] as Tree[] | undefined)?.[0] : tree[field.name]) ??
    {}) as Tree;
  tree[field.name] = field.repeated ? [inner] : inner;
  place(inner, rest, value);
}

function parseTexts(flag: MessageFlag, texts: readonly string[]): JsonValue {
  const leaf = flag.path.at(-1);
  if (!leaf) throw new Error(`flag ${flag.name} has no path`);
  if (leaf.kind === 'map') return mapOf(flag, leaf, texts);
  if (!leaf.repeated) return single(flag, leaf, texts.at(-1) ?? '');
  // Texts may hold commas; numbers and names do not.
  const items = leaf.type === 'string' ? texts : texts.flatMap((text) => text.split(','));
  return items.map((text) => single(flag, leaf, text));
}

function mapOf(flag: MessageFlag, leaf: FieldSchema, texts: readonly string[]): JsonValue {
  const entries = texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1)
      throw fail(cliErrors.BAD_FLAG_VALUE, {
        flag: flag.name,
        reason: `must be key=value, but got "${text}"`,
      });
    const value = single(flag, { ...leaf, kind: 'scalar' }, text.slice(at + 1));
    return [text.slice(0, at), value] as const;
  });
  return Object.fromEntries(entries);
}

function single(flag: MessageFlag, leaf: FieldSchema, text: string): JsonValue {
  const value = leaf.type === 'bool' && /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : text;
  const reason = leafFault(leaf, value);
  if (reason !== undefined) throw fail(cliErrors.BAD_FLAG_VALUE, { flag: flag.name, reason });
  return value;
}
