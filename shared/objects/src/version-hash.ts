import { createHash } from 'node:crypto';
import { ENUMS, MESSAGES } from './gen/schema.js';
import type { FieldSchema } from './schema-types.js';

/** Descriptor numbers of the field types that keys use. */
const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
};

/**
 * Hash of the data model: MD5 over the descriptors of all key messages and the salt (controller spec section 19.1).
 * It is contract: stored data of other controllers carries it.
 */
export function computeVersionHash(salt = currentSalt()): string {
  const keys = Object.values(MESSAGES)
    .filter((m) => m.objKey && m.name.startsWith('edgeproto.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const text = keys.map((m) =>
    JSON.stringify({ Name: m.name.slice('edgeproto.'.length), Field: m.fields.map(fieldDescriptor) }),
  );
  return createHash('md5').update(text.join('')).update(salt).digest('hex');
}

function fieldDescriptor(field: FieldSchema) {
  const type = field.kind === 'message' ? 11 : field.kind === 'enum' ? 14 : TYPE_NUMBERS[field.type];
  return {
    Name: field.name,
    Number: field.no,
    Label: field.repeated ? 3 : 1,
    Type: type,
    TypeName: field.kind === 'message' || field.kind === 'enum' ? `.${field.type}` : null,
    Extendee: null,
  };
}

/** Salt that belongs to the newest data model. */
export function currentSalt(): string {
  return ENUMS['edgeproto.VersionHash']?.salt ?? '';
}

/** Known data models, oldest first, with the function that brings data to each. */
export function knownVersions(): readonly { readonly hash: string; readonly upgrade: string | undefined }[] {
  const schema = ENUMS['edgeproto.VersionHash'];
  return Object.entries(schema?.values ?? {})
    .sort(([, a], [, b]) => a - b)
    .map(([name]) => ({ hash: name.replace(/^HASH_/, ''), upgrade: schema?.upgrades?.[name] }));
}

/** Hash of the newest data model. */
export function currentVersionHash(): string {
  return knownVersions().at(-1)?.hash ?? '';
}
