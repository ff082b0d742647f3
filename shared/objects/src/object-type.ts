import { EdgeplaneError, fail } from '@edgeplane/base';
import { copyFields } from './copy-fields.js';
import { objectErrors } from './errors.js';
import { type FieldMask, fieldMask, isFieldsMember, leafIds } from './field-ids.js';
import { type FilterRules, filterTest, fixedPart, matchesFilter } from './filter.js';
import { flat } from './flat.js';
import { CODECS, KEY_NAMES, type KeyTypes, type MessageTypes } from './gen/codecs.js';
import {
  type AnyMessage,
  complete,
  emptyMessage,
  isNormal,
  isWhole,
  messageSchema,
  normalize,
} from './message.js';
import { type DecodeOptions, decodeStored } from './message-json.js';
import { referencedTypes, referencesTo } from './references.js';
import type { MessageSchema, ObjectSchema } from './schema-types.js';
import { encodeStored } from './stored-encoder.js';
import { validateEnums } from './validate-enums.js';
import { WireReader } from './wire-reader.js';

/** A protobuf message type as the rest of the code needs it. */
interface WireCodec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: WireReader): T;
}

/**
 * Everything about one sort of object, derived from its proto: key codec, stored-JSON codec, wire codec, field mask,
 * filter and notify behaviour. Each operation takes and returns normalized messages (always-present members in place).
 */
export interface ObjectType<T, K> {
  /** Short name, such as `App`: second part of store keys. */
  readonly name: string;
  /** Full name, such as `edgeproto.App`: what `want_objs` and Any type URLs hold. */
  readonly fullName: string;
  readonly schema: MessageSchema;
  readonly keySchema: MessageSchema;
  readonly options: ObjectSchema;

  /** An object with nothing set. */
  empty(): T;
  normalize(object: T): T;
  key(object: T): K;
  withKey(key: K): T;
  /** Key JSON, byte-equal to the reference: third part of store keys, and the key of caches and notify. */
  keyJson(key: K): string;
  /** @throws EdgeplaneError when the text is not a key of this type. */
  parseKeyJson(text: string): K;
  keyJsonOf(object: T): string;
  /** Whether every member of a key is set, so that as a filter it matches no other key. */
  isWholeKey(key: K): boolean;

  /** Stored JSON; `fields` is never part of it. */
  toStored(object: T): string;
  fromStored(text: string, options?: DecodeOptions): T;
  toWire(object: T): Uint8Array;
  /** @throws EdgeplaneError when the bytes are not such a message. */
  fromWire(bytes: Uint8Array): T;

  leafIds(): readonly string[];
  mask(ids: readonly string[]): FieldMask;
  copyFields(target: T, source: T, mask: FieldMask): T;
  matches(filter: T, object: T): boolean;
  /** As `matches`, for one filter and many objects; undefined when it matches all. */
  filterTest(filter: T, rules?: FilterRules): ((object: unknown) => boolean) | undefined;
  /** The filter without its texts that have wildcards. */
  fixedPart(filter: T): T;
  /** Refuses unknown enum numbers. */
  validateEnums(object: T): void;
  /** The cloudlet key the object belongs to, as its key JSON; undefined when it belongs to none. */
  cloudletKeyJson(object: T): string | undefined;
  /** The same from the object's key alone. */
  cloudletKeyJsonOfKey(key: K): string | undefined;
  /** Short names of the types that objects of this type may refer to, from the `refs` options. */
  readonly referencedTypes: readonly string[];
  /** Key JSON of every object of type `type` that the object refers to, each once. */
  references(object: T, type: string): readonly string[];
  /** Those whose key is set in every member: as part of a filter they match no other key. */
  wholeReferences(filter: T, type: string): readonly string[];
}

export type ObjectName = keyof KeyTypes & keyof MessageTypes;
export type ObjectOf<N extends ObjectName> = MessageTypes[N];
export type KeyOf<N extends ObjectName> = KeyTypes[N];

const CLOUDLET_KEY = messageSchema('edgeproto.CloudletKey');

function makeObjectType<N extends ObjectName>(name: N): ObjectType<ObjectOf<N>, KeyOf<N>> {
  type T = ObjectOf<N>;
  type K = KeyOf<N>;
  const schema = messageSchema(`edgeproto.${name}`);
  const keySchema = messageSchema(`edgeproto.${KEY_NAMES[name]}`);
  const options = schema.object;
  if (!options) throw new Error(`${name} is not an object`);
  const wire = CODECS[name] as unknown as WireCodec<T>;
  const hasFields = schema.fields.some(isFieldsMember);
  const cloudletPath = propertyPath(schema, options.cloudlet);

  const key = (object: T): K => {
    const value = (object as unknown as { key: K | undefined }).key;
    return value ?? (emptyMessage(keySchema) as unknown as K);
  };
  const keyJson = (value: K) => flat(encodeStored(keySchema, value));
  const cloudletKeyAt = (from: unknown, path: readonly string[]): string | undefined => {
    if (cloudletPath.length === 0) return undefined;
    let value = from;
    for (const prop of path) value = (value as AnyMessage | undefined)?.[prop];
    return encodeStored(CLOUDLET_KEY, value ?? {});
  };
  const [cloudletMember, ...cloudletPathInKey] = cloudletPath;
  if (cloudletMember !== undefined && cloudletMember !== 'key')
    throw new Error(`${name}: a cloudlet is in the key`);
  const withKey = (value: K): T =>
    ({ ...emptyMessage(schema), key: normalize(keySchema, value) }) as unknown as T;

  return {
    name,
    fullName: schema.name,
    schema,
    keySchema,
    options,
    empty: () => emptyMessage(schema) as unknown as T,
    normalize: (object) => normalize(schema, object),
    key,
    withKey,
    keyJson,
    parseKeyJson: (text) => decodeStored(keySchema, text) as unknown as K,
    keyJsonOf: (object) => keyJson(key(object)),
    isWholeKey: (value) => isWhole(keySchema, value),
    toStored: (object) => encodeStored(schema, hasFields ? { ...object, fields: [] } : object),
    fromStored: (text, decodeOptions) => {
      const object = decodeStored(schema, text, decodeOptions);
      if (hasFields && (object['fields'] as readonly unknown[]).length > 0) object['fields'] = [];
      return object as unknown as T;
    },
    // Most objects are whole, and need no copy.
    toWire: (object) => wire.encode(isNormal(schema, object) ? object : normalize(schema, object)).finish(),
    fromWire: (bytes) => {
      try {
        return complete(schema, wire.decode(new WireReader(bytes)));
      } catch (error) {
        if (error instanceof EdgeplaneError) throw error;
        throw fail(
          objectErrors.BAD_JSON,
          { type: schema.name, reason: 'not a protobuf message of this type' },
          { cause: error },
        );
      }
    },
    leafIds: () => leafIds(schema),
    mask: (ids) => fieldMask(schema, ids),
    copyFields: (target, source, mask) => copyFields(schema, target, source, mask),
    matches: (filter, object) => matchesFilter(schema, filter, object),
    filterTest: (filter, rules) => filterTest(schema, filter, rules),
    fixedPart: (filter) => fixedPart(schema, filter) as unknown as T,
    validateEnums: (object) => validateEnums(schema, object),
    cloudletKeyJson: (object) => cloudletKeyAt(object, cloudletPath),
    cloudletKeyJsonOfKey: (value) => cloudletKeyAt(value, cloudletPathInKey),
    referencedTypes: referencedTypes(schema),
    references: (object, type) => referencesTo(schema, object, type),
    wholeReferences: (filter, type) => referencesTo(schema, filter, type, isWhole),
  };
}

/** Property names along a dotted path of proto names. */
function propertyPath(schema: MessageSchema, path: string): readonly string[] {
  if (path === '') return [];
  const props: string[] = [];
  let at = schema;
  for (const name of path.split('.')) {
    const field = at.fields.find((f) => f.name === name);
    if (!field) throw new Error(`${schema.name} has no ${path}`);
    props.push(field.prop);
    if (field.kind === 'message') at = messageSchema(field.type);
  }
  return props;
}

type Registry = { readonly [N in ObjectName]: ObjectType<ObjectOf<N>, KeyOf<N>> };

/** Every keyed object type, by short name. */
export const OBJECTS: Registry = Object.fromEntries(
  (Object.keys(KEY_NAMES) as ObjectName[]).map((name) => [name, makeObjectType(name)]),
) as unknown as Registry;

/** All of them. */
export const ALL_OBJECTS: readonly ObjectType<unknown, unknown>[] = Object.values(OBJECTS) as never;
