import { type EdgeplaneError, fail, messageOf } from '@edgeplane/base';
import { parse, stringify } from 'yaml';
import { flintlockErrors } from './errors.js';
import { diskDevice, guestVolumes } from './guest-volumes.js';
import type { Dialect, MicrovmSpec } from './model.js';
import { networkConfigOf } from './network-config.js';

/** Documents by name, as the guest gets them. */
export type GuestDocuments = Readonly<Record<string, string>>;

/**
 * Metadata with the instance's id in its `meta-data`, as the current dialect adds it (flintlock spec section 2.7).
 * @throws BAD_INSTANCE_DATA when what is there is no document that could take it
 */
export function withInstanceId(
  metadata: Readonly<Record<string, string>>,
  uid: string,
): Readonly<Record<string, string>> {
  const present = metadata['meta-data'];
  const data = present === undefined ? {} : mapOf(decoded(present) ?? present, 'creating');
  if ('instance_id' in data) return metadata;
  const text = stringify({ ...data, instance_id: uid });
  return { ...metadata, 'meta-data': Buffer.from(text).toString('base64') };
}

/**
 * What the guest is told, on its seed and at 169.254.169.254: the caller's documents, with what cloud-init needs to know in
 * `meta-data`, mounts in `vendor-data`, and the configuration of the network unless the caller has one.
 * @throws BAD_METADATA, BAD_INSTANCE_DATA
 */
export function guestDocuments(
  spec: MicrovmSpec,
  uid: string,
  dialect: Dialect,
  verb: string,
): GuestDocuments {
  const own = Object.entries(spec.metadata).map(([name, value]) => {
    const text = decoded(value) ?? (dialect === 'current' ? value : undefined);
    if (text === undefined) throw badMetadata(name, verb, 'it is not the base64 of UTF-8 text');
    return [name, text] as const;
  });
  const documents: Record<string, string> = Object.fromEntries(own);
  const meta = mapOf(documents['meta-data'] ?? '', verb);
  const names = { 'instance-id': uid, ...('local_hostname' in meta ? {} : { 'local-hostname': spec.id }) };
  const mounts = mountsOf(spec);
  return {
    'network-config': networkConfigOf(spec.interfaces),
    ...documents,
    'meta-data': stringify({ ...names, ...meta }),
    ...(mounts.length > 0 && { 'vendor-data': withMounts(documents['vendor-data'] ?? '', mounts, verb) }),
  };
}

/** Additional volumes that the guest is to mount, by the device that it sees. */
function mountsOf(spec: MicrovmSpec): (readonly [string, string])[] {
  return guestVolumes(spec).flatMap((volume, index) =>
    volume.isRoot || volume.mountPoint === ''
      ? []
      : [[diskDevice(index, volume), volume.mountPoint] as const],
  );
}

const MOUNT_DEFAULTS = [null, null, 'auto', 'defaults,nofail', '0', '2'];

function withMounts(present: string, mounts: readonly (readonly [string, string])[], verb: string): string {
  const data = mapOf(present, verb);
  const before = Array.isArray(data['mounts']) ? (data['mounts'] as unknown[]) : [];
  const merged = { ...data, mounts: [...before, ...mounts], mount_default_fields: MOUNT_DEFAULTS };
  return `## template: jinja\n#cloud-config\n\n${stringify(merged)}`;
}

/** Text of base64, by the standard alphabet, padded; undefined when it is not that, or not text. */
function decoded(value: string): string | undefined {
  if (value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}

/** A YAML document that is a map, or nothing. @throws BAD_INSTANCE_DATA */
function mapOf(text: string, verb: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    throw badInstanceData(verb, messageOf(error));
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw badInstanceData(verb, 'it is not a map');
  return value as Record<string, unknown>;
}

const badInstanceData = (verb: string, reason: string): EdgeplaneError =>
  // The first line will do: what follows quotes the document, which may hold secrets.
  fail(flintlockErrors.BAD_INSTANCE_DATA, { verb, reason: reason.split('\n')[0] ?? '' });

const badMetadata = (name: string, verb: string, reason: string): EdgeplaneError =>
  fail(flintlockErrors.BAD_METADATA, { verb, name, reason });
