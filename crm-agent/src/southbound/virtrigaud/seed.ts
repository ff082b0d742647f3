import { messageOf } from '@edgeplane/base';
import { parse, stringify } from 'yaml';
import type { CloudInit } from '../../engines/qemu/index.js';
import type { JsonObject } from './json.js';
import { hostNameOf } from './names.js';
import { type FixedAddress, fixedAddress } from './networks.js';
import { invalid } from './values.js';

/** What a guest is told at its first boot, beside its name. */
export interface SeedWish {
  readonly userData?: string;
  readonly metaData?: Readonly<Record<string, unknown>>;
  readonly vendorData?: string;
  readonly hostname?: string;
}

/** cloud-init's data of a create request. Neither is ever part of an error (spec of VirtRigaud, section 3.6). */
export function readSeed(userData: Uint8Array, metaData: Uint8Array): SeedWish {
  return {
    ...(userData.length === 0 ? {} : { userData: utf8('user_data', userData) }),
    ...(metaData.length === 0 ? {} : { metaData: readMetaData(utf8('meta_data', metaData)) }),
  };
}

function utf8(field: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(field, 'UTF-8 text', `(${bytes.length} bytes)`);
  }
}

function readMetaData(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 20 });
  } catch (error) {
    throw invalid('meta_data', 'YAML', messageOf(error).split(/ at |:/)[0]);
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalid('meta_data', 'a YAML mapping', typeof value);
  return value as Record<string, unknown>;
}

/** The seed of a machine. `instance` tells it from any that had the id before. */
export function seedOf(
  { id, name, instance }: { readonly id: string; readonly name: string; readonly instance: string },
  { metaData = {}, hostname, ...wish }: SeedWish,
  networkConfig: string | undefined,
): CloudInit {
  const { 'instance-id': instanceId, 'local-hostname': localName, ...rest } = metaData;
  return {
    instanceId: printable(instanceId) ?? `${id}.${instance}`,
    hostname: hostNameOf(hostname ?? printable(localName) ?? name),
    ...wish,
    ...(Object.keys(rest).length === 0 ? {} : { metaData: rest }),
    ...(networkConfig === undefined ? {} : { networkConfig }),
  };
}

function printable(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value) ? value : undefined;
}

/** What is to be different in the guest of a clone. */
export interface Customization {
  readonly seed: SeedWish;
  /** By index of the card. */
  readonly fixed: readonly (FixedAddress | undefined)[];
  readonly macs: readonly (string | undefined)[];
  readonly tags: readonly string[];
}

/** What a provider without a cluster cannot do is refused, not passed over (spec of VirtRigaud, section 3.8). */
export function readCustomization(json: JsonObject | undefined): Customization {
  if (!json) return { seed: {}, fixed: [], macs: [], tags: [] };
  for (const key of ['sysprep', 'certificates'])
    if (json.has(key)) throw invalid(json.field(key), 'absent: it is not applied here', 'something');
  const userData = userDataOf(json.object('userData'));
  const vendorData = vendorDataOf(json);
  const hostname = json.text('hostname');
  const networks = json.objects('networks');
  return {
    seed: {
      ...(userData === '' ? {} : { userData }),
      ...(vendorData === undefined ? {} : { vendorData }),
      ...(hostname === '' ? {} : { hostname }),
    },
    fixed: networks.map((net) =>
      net.flag('dhcp') ? undefined : fixedAddress(net, 'ipAddress', 'prefix', net.texts('dns')),
    ),
    macs: networks.map((net) => net.text('macAddress').toLowerCase() || undefined),
    tags: json.texts('tags'),
  };
}

function userDataOf(json: JsonObject | undefined): string {
  const init = json?.object('cloudInit');
  if (json?.has('ignition'))
    throw invalid(json.field('ignition'), 'absent: guests are given cloud-init', 'something');
  if (init?.has('secretRef'))
    throw invalid(init.field('secretRef'), 'absent: secrets of a cluster cannot be read here', 'a reference');
  return init?.text('inline') ?? '';
}

/** Settings that come beside the user's own data, so that neither hides the other. */
function vendorDataOf(json: JsonObject): string | undefined {
  const [timezone, domain, hostname] = [json.text('timeZone'), json.text('domain'), json.text('hostname')];
  const commands = json.objects('guestCommands').map((command) => {
    for (const key of ['workingDirectory', 'runAsUser', 'stage'])
      if (command.text(key) !== '')
        throw invalid(command.field(key), 'absent: it is not applied here', command.text(key));
    return [command.text('command'), ...command.texts('arguments')];
  });
  const config = {
    ...(timezone === '' ? {} : { timezone }),
    ...(domain === '' || hostname === '' ? {} : { fqdn: `${hostname}.${domain}` }),
    ...(commands.length === 0 ? {} : { runcmd: commands }),
  };
  return Object.keys(config).length === 0 ? undefined : `#cloud-config\n${stringify(config)}`;
}
