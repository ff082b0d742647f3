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
import { agentErrors } from './errors.js';

/**
 * Reads the `cloudletKey` argument: JSON with proto names (`operator_key`), else YAML, where lower-case names without
 * underscores (`operatorkey`) work as well (spec section 16.2).
 * @throws EdgeplaneError when it is empty, cannot be read, has unknown members, or a name that no cloudlet can have.
 */
export function parseCloudletKey(text: string): CloudletKey {
  if (text.trim() === '') throw fail(agentErrors.CLOUDLET_KEY_MISSING);
  try {
    const schema = OBJECTS.Cloudlet.keySchema;
    const key = decodeJson(schema, parseText(text), { strict: true, fieldOf }) as unknown as CloudletKey;
    validateCloudletKey(key);
    return key;
  } catch (error) {
    throw fail(agentErrors.CLOUDLET_KEY_INVALID, { text, reason: messageOf(error) }, { cause: error });
  }
}

function parseText(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    return parseYaml(text) as JsonValue;
  }
}

function fieldOf(schema: MessageSchema, name: string) {
  return (
    fieldByName(schema, name) ??
    schema.fields.find((f) => f.name.replaceAll('_', '') === name.replaceAll('_', '').toLowerCase())
  );
}
