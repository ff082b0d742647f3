import { fail, messageOf } from '@edgeplane/base';
import {
  decodeJson,
  fieldByName,
  type JsonValue,
  type MessageSchema,
  OBJECTS,
  parseJson,
  validateCloudletKey,
} from '@edgeplane/objects';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { parse as parseYaml } from 'yaml';
import { dmeErrors } from './errors.js';

/**
 * Reads the key of the cloudlet the match engine runs in: JSON with proto names, else YAML, whose members may also be
 * spelt without underscores (match engine spec section 16.2).
 * @throws EdgeplaneError CLOUDLET_KEY_MISSING or CLOUDLET_KEY_INVALID.
 */
export function parseCloudletKey(text: string): CloudletKey {
  if (text.trim() === '') throw fail(dmeErrors.CLOUDLET_KEY_MISSING);
  const schema = OBJECTS.Cloudlet.keySchema;
  try {
    const key = decodeJson(schema, parseValue(text), { strict: true, fieldOf }) as unknown as CloudletKey;
    validateCloudletKey(key);
    return key;
  } catch (error) {
    throw fail(dmeErrors.CLOUDLET_KEY_INVALID, { text, reason: messageOf(error) }, { cause: error });
  }
}

function parseValue(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    return parseYaml(text) as JsonValue;
  }
}

function fieldOf(schema: MessageSchema, name: string) {
  const squashed = name.toLowerCase();
  return fieldByName(schema, name) ?? schema.fields.find((f) => f.name.replaceAll('_', '') === squashed);
}
