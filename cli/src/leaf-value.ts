import { messageOf } from '@edgeplane/base';
import {
  camelName,
  decodeJson,
  enumSchema,
  type FieldSchema,
  type JsonValue,
  parseEnum,
} from '@edgeplane/objects';

/** The field as if it held one value: without list and oneof. */
export function single(field: FieldSchema): FieldSchema {
  const { repeated: _repeated, oneof: _oneof, ...rest } = field;
  return rest;
}

/** What is wrong with a single value of a scalar or enum field, for people; undefined when it fits. */
export function leafFault(field: FieldSchema, value: JsonValue): string | undefined {
  if (field.kind === 'enum') {
    const known =
      (typeof value === 'string' || typeof value === 'number') &&
      parseEnum(enumSchema(field.type), value) !== undefined;
    return known ? undefined : `no value ${JSON.stringify(value)} (one of ${enumNames(field).join(', ')})`;
  }
  try {
    decodeJson({ name: field.name, fields: [single(field)] }, { [field.name]: value });
    return undefined;
  } catch (error) {
    const text = messageOf(error);
    return text.startsWith(`${field.name}: `) ? text.slice(field.name.length + 2) : text;
  }
}

/** Camel names of an enum field's values. */
export function enumNames(field: FieldSchema): readonly string[] {
  return Object.keys(enumSchema(field.type).values).map(camelName);
}
