import { type AnyMessage, emptyMessage, messageSchema, normalize } from './message.js';
import { encodeStored } from './message-json.js';
import type { FieldSchema, MessageSchema } from './schema-types.js';

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
  only: KeyTest = () => true,
): readonly string[] {
  const keys = referencePaths(schema)
    .filter((reference) => reference.type === type)
    .flatMap(({ path }) => keysAlong(message as AnyMessage, path, only));
  return [...new Set(keys)];
}

function keysAlong(message: AnyMessage, path: readonly FieldSchema[], only: KeyTest): string[] {
  const [field, ...rest] = path;
  if (!field) return [];
  const schema = messageSchema(field.type);
  const value = message[field.prop];
  // An absent key is an empty one where it is always present, and no reference where it is not.
  const values = field.repeated
    ? ((value as AnyMessage[] | undefined) ?? [])
    : value !== undefined
      ? [value as AnyMessage]
      : field.nonnull
        ? [emptyMessage(schema)]
        : [];
  if (rest.length > 0) return values.flatMap((v) => keysAlong(v, rest, only));
  return values.filter((v) => only(schema, v)).map((v) => encodeStored(schema, normalize(schema, v)));
}
