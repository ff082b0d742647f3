import { fail } from '@edgeplane/base';
import { camelName, isKnownEnumNumber } from './enum-names.js';
import { objectErrors } from './errors.js';
import { type AnyMessage, enumSchema, messageSchema, readField } from './message.js';
import type { MessageSchema } from './schema-types.js';

/**
 * Refuses enum numbers that have no name, anywhere in a message (controller spec sections 8.5 and 24.1).
 * @throws EdgeplaneError `invalid <FieldName>`
 */
export function validateEnums(schema: MessageSchema, message: unknown): void {
  for (const field of schema.fields) {
    const value = readField(message as AnyMessage, field);
    if (value === undefined || value === null) continue;
    const values = field.repeated ? (value as unknown[]) : [value];
    if (field.kind === 'enum') {
      const known = enumSchema(field.type);
      if (!values.every((v) => isKnownEnumNumber(known, v as number))) {
        throw fail(objectErrors.INVALID_ENUM, { field: camelName(field.name) });
      }
    } else if (field.kind === 'message') {
      for (const v of values) validateEnums(messageSchema(field.type), v);
    }
  }
}
