import { defineErrors } from '@edgeplane/base';

/** Faults of object data; texts of keys and fields follow controller spec section 9. */
export const objectErrors = defineErrors({
  BAD_JSON: ['INVALID_ARGUMENT', '{type}: {reason}'],
  BAD_VALUE: ['INVALID_ARGUMENT', '{path}: {rule}, but got {value}'],
  UNKNOWN_MEMBER: ['INVALID_ARGUMENT', '{path}: no such field in {type}'],
  UNKNOWN_ENUM: ['INVALID_ARGUMENT', 'No enum value for {value}'],
  INVALID_ENUM: ['INVALID_ARGUMENT', 'invalid {field}'],
  UNKNOWN_FIELD_ID: ['INVALID_ARGUMENT', 'fields: {type} has no field "{id}"'],
  INVALID_KEY: ['INVALID_ARGUMENT', '{text}'],
});
