import { type AnyMessage, emptyMessage, messageSchema } from './message.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';
import { encodeStored } from './stored-encoder.js';

/** One place in a message where the key of another object stands. */
interface ReferencePath {
  /** Short name of the type referred to. */
  readonly type: string;
  readonly path: readonly FieldSchema[];
}

const known = new WeakMap<MessageSchema, readonly ReferencePath[]>();

/** Every `refs` option below a message, also inside of keys: an AppInst refers to its App and to the App's Developer. */
function referencePaths(schema: MessageSchema): readonly ReferencePath[] {
  let paths = known.get(schema);
  if (!paths) {
    paths = schema.fields.flatMap((field): ReferencePath[] => {
      if (field.kind !== 'message') return [];
      const own = field.refs === undefined ? [] : [{ type: field.refs, path: [field] }];
      const inner = referencePaths(messageSchema(field.type)).map(({ type, path }) => ({
        type,
        path: [field, ...path],
      }));
      return [...own, ...inner];
    });
    known.set(schema, paths);
  }
  return paths;
}

/** Short names of the types that objects of a type may refer to, each once. */
export function referencedTypes(schema: MessageSchema): readonly string[] {
  return [...new Set(referencePaths(schema).map(({ type }) => type))];
}

type KeyTest = (keySchema: MessageSchema, key: unknown) => boolean;

/** Key JSON of every object of type `type` that a message refers to, each once; with `only`, of those that pass it. */
export function referencesTo(
  schema: MessageSchema,
  message: unknown,
  type: string,
  only?: KeyTest,
): readonly string[] {
  const keys: string[] = [];
  const add = (keySchema: MessageSchema, key: unknown) => {
    if (!only || only(keySchema, key)) keys.push(encodeStored(keySchema, key));
  };
  for (const reference of referencePaths(schema)) {
    if (reference.type === type) eachAlong(message as AnyMessage, reference.path, 0, add);
  }
  return keys.length > 1 ? [...new Set(keys)] : keys;
}

/** Calls back with each message at the end of a path; `at` says how much of the path is behind. */
function eachAlong(
  message: AnyMessage,
  path: readonly FieldSchema[],
  at: number,
  found: (schema: MessageSchema, message: unknown) => void,
): void {
  const field = path[at];
  if (!field) return;
  const schema = messageSchema(field.type);
  const visit = (value: AnyMessage) => {
    if (at + 1 === path.length) found(schema, value);
    else eachAlong(value, path, at + 1, found);
  };
  const value = message[field.prop] as AnyMessage | AnyMessage[] | undefined;
  if (Array.isArray(value)) for (const each of value) visit(each);
  // An absent key is an empty one where it is always present, and no reference where it is not.
  else if (value !== undefined || (field.nonnull && !field.repeated)) visit(value ?? emptyMessage(schema));
}
