import { camelName, isJsonObject, type JsonObject, type JsonValue } from '@edgeplane/objects';
import { compact, listMember, member, objectMember, textMember } from './stored-json.js';

/** JSON of AppInsts as data versions 3 to 5 have it. Frozen: see upgrade.ts. */

const LIVENESS = ['LivenessUnknown', 'LivenessStatic', 'LivenessDynamic'];
const TRACKED_STATE = [
  ...['TrackedStateUnknown', 'NotPresent', 'CreateRequested', 'Creating', 'CreateError', 'Ready'],
  ...['UpdateRequested', 'Updating', 'UpdateError', 'DeleteRequested', 'Deleting', 'DeleteError'],
  'DeletePrepare',
];
const CRM_OVERRIDE = [
  ...['NoOverride', 'IgnoreCrmErrors', 'IgnoreCrm', 'IgnoreTransientState'],
  'IgnoreCrmAndTransientState',
];
const IP_ACCESS = ['IpAccessUnknown', 'IpAccessDedicated', 'IpAccessDedicatedOrShared', 'IpAccessShared'];
const L_PROTO = ['LProtoUnknown', 'LProtoTcp', 'LProtoUdp', 'LProtoHttp'];

/** Members in the order in which they are stored. */
const MEMBERS = [
  ...['fields', 'key', 'cloudlet_loc', 'uri', 'liveness', 'mapped_ports', 'flavor', 'state', 'errors'],
  ...['crm_override', 'runtime_info', 'created_at', 'auto_cluster_ip_access'],
];

/** What an upgrade decides about an AppInst; the rest of it stays. */
export interface AppInstParts {
  readonly key: JsonObject;
  readonly runtimeInfo: JsonObject;
  /** Converts one mapped port. */
  readonly port: (port: JsonObject) => JsonObject;
  /** Members that the new version does not have. */
  readonly drop: readonly string[];
}

/**
 * An AppInst with its enums by camel name and all members that are always present. Members that no version knows stay.
 * @throws Error naming the member that cannot be read
 */
export function rebuildAppInst(old: JsonObject, parts: AppInstParts): JsonObject {
  const known = new Set([...MEMBERS, ...parts.drop].map((name) => name.toLowerCase()));
  const others = Object.entries(old).filter(([name]) => !known.has(name.toLowerCase()));
  const ports = listMember(old, 'mapped_ports')?.map((port) => {
    if (!isJsonObject(port)) throw new Error('mapped_ports: must be a list of objects');
    return parts.port(port);
  });
  return {
    ...compact({
      fields: nonEmpty(listMember(old, 'fields')),
      key: parts.key,
      cloudlet_loc: objectMember(old, 'cloudlet_loc'),
      uri: textMember(old, 'uri'),
      liveness: enumMember(old, 'liveness', LIVENESS),
      mapped_ports: ports ?? null,
      flavor: objectMember(old, 'flavor'),
      state: enumMember(old, 'state', TRACKED_STATE),
      errors: nonEmpty(listMember(old, 'errors')),
      crm_override: enumMember(old, 'crm_override', CRM_OVERRIDE),
      runtime_info: parts.runtimeInfo,
      created_at: objectMember(old, 'created_at'),
      auto_cluster_ip_access: enumMember(old, 'auto_cluster_ip_access', IP_ACCESS),
    }),
    ...Object.fromEntries(others),
  };
}

/** A mapped port with its protocol by camel name and the prefix of its name as member `prefixMember`. */
export function rebuildPort(port: JsonObject, prefixMember: 'FQDN_prefix' | 'fqdn_prefix'): JsonObject {
  const known = ['proto', 'fqdn_prefix'];
  const others = Object.entries(port).filter(([name]) => !known.includes(name.toLowerCase()));
  return compact({
    proto: enumMember(port, 'proto', L_PROTO),
    ...Object.fromEntries(others),
    [prefixMember]: textMember(port, 'fqdn_prefix'),
  });
}

/** @throws Error when a part of the key is not a text */
export function appKey(key: JsonObject): JsonObject {
  return compact({
    developer_key: named(objectMember(key, 'developer_key')),
    name: textMember(key, 'name'),
    version: textMember(key, 'version'),
  });
}

/** The key of a ClusterInst on a cloudlet. */
export function clusterInstKey(key: JsonObject, cloudlet: JsonObject): JsonObject {
  return compact({
    cluster_key: named(objectMember(key, 'cluster_key')),
    cloudlet_key: compact({
      operator_key: named(objectMember(cloudlet, 'operator_key')),
      name: textMember(cloudlet, 'name'),
    }),
    developer: textMember(key, 'developer'),
  });
}

function named(key: JsonObject): JsonObject {
  return compact({ name: textMember(key, 'name') });
}

function nonEmpty(list: readonly JsonValue[] | undefined): readonly JsonValue[] | undefined {
  return list?.length ? list : undefined;
}

/**
 * Camel name of an enum given as number, decimal text or name in any spelling; undefined for zero. Numbers without a
 * name become decimal text, as they always were.
 */
function enumMember(object: JsonObject, name: string, names: readonly string[]): string | undefined {
  const value = member(object, name) ?? 0;
  const known = typeof value === 'string' ? names.indexOf(camelName(value)) : -1;
  const number = known >= 0 ? known : Number(/^-?\d+$/.test(String(value)) ? value : Number.NaN);
  if (!Number.isInteger(number)) throw new Error(`${name}: No enum value for ${value}`);
  return number === 0 ? undefined : (names[number] ?? String(number));
}
