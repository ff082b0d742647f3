import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** The two ends of a message of generated code. */
export interface WireForm<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/**
 * Messages as JSON in the manner of grpc-gateway (flintlock spec section 2.1): lowerCamelCase, members that are not set are
 * there, unknown ones are passed over, and either spelling of a name is read.
 */
export class WireJson {
  readonly #registry: ReturnType<typeof createFileRegistry>;

  /** @param descriptors base64 of a FileDescriptorSet */
  constructor(descriptors: string) {
    this.#registry = createFileRegistry(
      fromBinary(FileDescriptorSetSchema, Buffer.from(descriptors, 'base64')),
    );
  }

  /** @throws an Error that says what of the text is no such message */
  read<T>(name: string, form: WireForm<T>, text: string): T {
    const schema = this.#schema(name);
    const options = { ignoreUnknownFields: true, registry: this.#registry };
    const message = fromJsonString(schema, text.trim() === '' ? '{}' : text, options);
    return form.decode(toBinary(schema, message));
  }

  write<T>(name: string, form: WireForm<T>, message: T): JsonObject {
    const schema = this.#schema(name);
    const decoded = fromBinary(schema, form.encode(message).finish());
    const json = toJson(schema, decoded, { alwaysEmitImplicit: true, registry: this.#registry });
    return withNulls(schema, json as JsonObject);
  }

  #schema(name: string): DescMessage {
    const schema = this.#registry.getMessage(name);
    if (!schema) throw new Error(`there is no message ${name}`);
    return schema;
  }
}

/** Messages that are not there are written too, unless that is what says that they are not. */
function withNulls(schema: DescMessage, json: JsonObject): JsonObject {
  for (const field of schema.fields) {
    const value = json[field.jsonName];
    if (field.fieldKind === 'message') {
      if (value === undefined && !isOptional(field)) json[field.jsonName] = null;
      else descend(field.message, value);
    } else if (field.fieldKind === 'list' && field.listKind === 'message')
      for (const item of (value ?? []) as JsonValue[]) descend(field.message, item);
    else if (field.fieldKind === 'map' && field.mapKind === 'message')
      for (const item of Object.values((value ?? {}) as JsonObject)) descend(field.message, item);
  }
  return json;
}

function descend(schema: DescMessage, value: JsonValue | undefined): void {
  // Times and the like are no objects in JSON.
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) withNulls(schema, value);
}

function isOptional(field: DescField): boolean {
  return field.proto.proto3Optional;
}
