export { copyFields } from './copy-fields.js';
export { camelName, enumCamel, enumProtoName, isKnownEnumNumber, parseEnum } from './enum-names.js';
export { objectErrors } from './errors.js';
export {
  type FieldMask,
  FULL_MASK,
  fieldIdOf,
  fieldMask,
  isFieldsMember,
  leafIds,
  shortName,
} from './field-ids.js';
export { type FilterRules, matchesFilter } from './filter.js';
export { CODECS, type KeyTypes, type MessageTypes } from './gen/codecs.js';
export { ENUMS, MESSAGES, SERVICES } from './gen/schema.js';
export {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  quoteJson,
  writeJson,
} from './json-text.js';
export { type AnyMessage, emptyMessage, enumSchema, messageSchema, normalize } from './message.js';
export {
  type DecodeOptions,
  decodeJson,
  decodeStored,
  type EnumSpelling,
  fieldByName,
  type PlainOptions,
  toPlain,
} from './message-json.js';
export {
  ALL_OBJECTS,
  type KeyOf,
  OBJECTS,
  type ObjectName,
  type ObjectOf,
  type ObjectType,
} from './object-type.js';
export type {
  EnumSchema,
  FieldSchema,
  MessageSchema,
  MethodSchema,
  ObjectSchema,
  ScalarName,
  ServiceSchema,
} from './schema-types.js';
export { SHOW_OPTIONS, type ShowOption, takesShowOptions } from './show-options.js';
export { encodeStored } from './stored-encoder.js';
export {
  appInstMetric,
  cloudletMetric,
  type Measured,
  readAppInstMetric,
  readCloudletMetric,
} from './usage-metrics.js';
export { validateEnums } from './validate-enums.js';
export {
  isValidKubernetesName,
  isValidName,
  validateAppInstKey,
  validateAppKey,
  validateCloudletKey,
  validateClusterInstKey,
  validateClusterKey,
  validateControllerKey,
  validateDeveloperKey,
  validateFlavorKey,
  validateNodeKey,
  validateOperatorKey,
} from './validate-keys.js';
export { computeVersionHash, currentSalt, currentVersionHash, knownVersions } from './version-hash.js';
