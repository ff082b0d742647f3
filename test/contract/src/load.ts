import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import type { FieldFact, Inventory, Label, RouteFact, RpcFact } from './inventory.js';

/** Where the .proto files of one API lie. */
export interface ProtoTree {
  /** Import root; every .proto file below it belongs to the API. */
  readonly root: string;
  /** Directories directly under `root` that do not. */
  readonly except?: readonly string[];
  /** Further import roots, used for what the API's own files import. */
  readonly imports?: readonly string[];
}

/** Parses all files of the tree into one namespace. Throws when an import or a type cannot be found. */
export function loadTree(tree: ProtoTree): protobuf.Root {
  const roots = [tree.root, ...(tree.imports ?? [])];
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    const found = roots.map((dir) => join(dir, target)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`${target} is in none of ${roots.join(', ')}`);
    return found;
  };
  return root.loadSync(protoFiles(tree), { keepCase: true });
}

/** Paths relative to the tree's root, sorted. */
function protoFiles(tree: ProtoTree): string[] {
  const except = new Set(tree.except ?? []);
  return readdirSync(tree.root, { withFileTypes: true })
    .filter((entry) => !except.has(entry.name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(join(tree.root, entry.name), { recursive: true, encoding: 'utf8' }).map((path) =>
            join(entry.name, path),
          )
        : [entry.name],
    )
    .filter((path) => path.endsWith('.proto'))
    .sort();
}

/** Reads what the parsed files say. */
export function inventoryOf(root: protobuf.Root): Inventory {
  const messages: Record<string, FieldFact[]> = {};
  const enums: Record<string, Record<string, number>> = {};
  const services: Record<string, RpcFact[]> = {};
  const visit = (node: protobuf.ReflectionObject): void => {
    if (node instanceof protobuf.Type) messages[fullName(node)] = node.fieldsArray.map(fieldFact);
    else if (node instanceof protobuf.Enum) enums[fullName(node)] = { ...node.values };
    else if (node instanceof protobuf.Service) services[fullName(node)] = node.methodsArray.map(rpcFact);
    if (node instanceof protobuf.Namespace) node.nestedArray.forEach(visit);
  };
  visit(root);
  return { messages, enums, services };
}

function fullName(node: protobuf.ReflectionObject): string {
  return node.fullName.replace(/^\./, '');
}

function fieldFact(field: protobuf.Field): FieldFact {
  field.resolve();
  const type = field.resolvedType === null ? field.type : fullName(field.resolvedType);
  return {
    number: field.id,
    name: field.name,
    type: field instanceof protobuf.MapField ? `map<${field.keyType}, ${type}>` : type,
    label: labelOf(field),
  };
}

function labelOf(field: protobuf.Field): Label {
  if (field instanceof protobuf.MapField) return '';
  if (field.repeated) return 'repeated';
  return field.options?.['proto3_optional'] === true ? 'optional' : '';
}

function rpcFact(method: protobuf.Method): RpcFact {
  method.resolve();
  const nameOf = (type: protobuf.Type | null, written: string) => (type === null ? written : fullName(type));
  return {
    name: method.name,
    request: nameOf(method.resolvedRequestType, method.requestType),
    requestStream: method.requestStream === true,
    response: nameOf(method.resolvedResponseType, method.responseType),
    responseStream: method.responseStream === true,
    http: (method.parsedOptions ?? []).flatMap((option: unknown) =>
      routesOf(member(option, '(google.api.http)')),
    ),
  };
}

const VERBS = ['get', 'put', 'post', 'delete', 'patch'] as const;

function routesOf(rule: unknown): RouteFact[] {
  const own = VERBS.flatMap((verb) => {
    const path = member(rule, verb);
    return typeof path === 'string' ? [{ method: verb.toUpperCase(), path }] : [];
  });
  const more = member(rule, 'additional_bindings');
  return [...own, ...[more ?? []].flat().flatMap(routesOf)];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
