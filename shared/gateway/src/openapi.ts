import { enumSchema, type FieldSchema, type MessageSchema, messageSchema } from '@edgeplane/objects';
import { parametersOf, type QueryParameter } from './query-parameter.js';
import type { Route } from './routes.js';

type Json = Record<string, unknown>;

/** OpenAPI 3.1 description of the routes, made of the same schema as they are. */
export function openApiDocument(
  routes: readonly Route[],
  options: {
    readonly title: string;
    readonly version: string;
    readonly parameters: readonly QueryParameter[];
  },
): Json {
  const { title, version } = options;
  const schemas: Record<string, Json> = { Failure: FAILURE };
  const seen = new Map<string, number>();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const { service, method } = route;
    const times = seen.get(method.name) ?? 0;
    seen.set(method.name, times + 1);
    paths[route.path] = {
      post: {
        // Two paths of one method are two operations.
        operationId: times === 0 ? method.name : `${method.name}${times + 1}`,
        tags: [service],
        parameters: [ENUMS, ...parametersOf(route, options.parameters).map(parameter)],
        requestBody: { content: jsonContent(reference(route.request, schemas)) },
        responses: {
          200: {
            description: method.responseStream
              ? 'Objects one after the other, each with a message as its member `result`; a failure after the first one is a last object with the member `error`.'
              : 'Done.',
            content: jsonContent(
              method.responseStream
                ? { type: 'object', properties: { result: reference(route.response, schemas) } }
                : reference(route.response, schemas),
            ),
          },
          default: {
            description: 'A failure; the HTTP status follows its gRPC code.',
            content: jsonContent({ $ref: '#/components/schemas/Failure' }),
          },
        },
      },
    };
  }
  return { openapi: '3.1.0', info: { title, version }, paths, components: { schemas } };
}

const ENUMS: Json = {
  name: 'enums',
  in: 'query',
  description: 'How enum values are written in the answer.',
  schema: { type: 'string', enum: ['proto', 'camel'] },
};

const FAILURE: Json = {
  type: 'object',
  properties: {
    code: { type: 'integer', description: 'gRPC code' },
    message: { type: 'string' },
    details: { type: 'array', items: {} },
  },
  required: ['code', 'message', 'details'],
};

function parameter({ name, description, type }: QueryParameter): Json {
  return { name, in: 'query', description, schema: { type } };
}

function jsonContent(schema: Json): Json {
  return { 'application/json': { schema } };
}

/** A reference to a message's schema, which is added together with those that it needs. */
function reference(message: MessageSchema, schemas: Record<string, Json>): Json {
  const name = message.name;
  if (!schemas[name]) {
    const properties: Record<string, Json> = {};
    schemas[name] = { type: 'object', properties };
    for (const field of message.fields) properties[field.name] = fieldSchema(field, schemas);
  }
  return { $ref: `#/components/schemas/${name}` };
}

function fieldSchema(field: FieldSchema, schemas: Record<string, Json>): Json {
  if (field.kind === 'map') return { type: 'object', additionalProperties: scalarSchema(field.type) };
  const single = valueSchema(field, schemas);
  if (field.repeated) return { type: 'array', items: single };
  return field.kind === 'message' && !field.nonnull ? { oneOf: [single, { type: 'null' }] } : single;
}

function valueSchema(field: FieldSchema, schemas: Record<string, Json>): Json {
  if (field.kind === 'message') return reference(messageSchema(field.type), schemas);
  if (field.kind === 'enum') {
    const names = Object.keys(enumSchema(field.type).values);
    return { oneOf: [{ type: 'string', enum: names }, { type: 'string' }, { type: 'integer' }] };
  }
  return scalarSchema(field.type);
}

function scalarSchema(type: string): Json {
  switch (type) {
    case 'string':
      return { type: 'string' };
    case 'bool':
      return { type: 'boolean' };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' };
    case 'double':
    case 'float':
      return { type: 'number', format: type };
    default:
      // 64-bit integers are written as text, and read in both forms.
      return type.endsWith('64')
        ? { type: ['string', 'integer'], format: type }
        : { type: 'integer', format: type };
  }
}
