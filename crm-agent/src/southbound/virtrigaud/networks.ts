import { isIP, isIPv4 } from 'node:net';
import { fail } from '@edgeplane/base';
import { stringify } from 'yaml';
import { macOf, type Nic } from '../../engines/qemu/index.js';
import { virtrigaudErrors } from './errors.js';
import type { JsonObject } from './json.js';
import { invalid, oneOf } from './values.js';

/** One network card as a caller wants it. */
export interface NicWish {
  /** The caller's name of it, and of the network. */
  readonly name: string;
  readonly network: string;
  readonly nic: Nic;
  /** A fixed address, for the guest to take. */
  readonly fixed?: FixedAddress;
}

export interface FixedAddress {
  readonly ip: string;
  readonly prefix: number;
  readonly gateway?: string;
  readonly dns: readonly string[];
}

/** Names by which callers mean the network that QEMU itself makes. */
const USER_NETWORKS = ['', 'default', 'user', 'nat'];
const NICS_MAX = 16;

/**
 * Reads network attachments. A bridge is a port on a bridge of the host; a network is the bridge of that name, or QEMU's own
 * network for `default`. Without any there is one card on QEMU's own (spec of VirtRigaud, section 3.3).
 * @param bridges those that the host has
 */
export function readNetworks(list: readonly JsonObject[], bridges: ReadonlySet<string>): readonly NicWish[] {
  if (list.length > NICS_MAX) throw invalid('networks_json', `at most ${NICS_MAX} cards`, list.length);
  if (list.length === 0) return [{ name: 'net0', network: 'default', nic: { type: 'user' } }];
  return list.map((json, index) => {
    const more = { ...macPart(json), ...modelPart(json) };
    const vlan = json.whole('VLAN', 0, 4094) ?? 0;
    if (vlan !== 0) {
      const what = `tagging with VLAN ${vlan} (a bridge of that VLAN can be named instead)`;
      throw fail(virtrigaudErrors.NOT_AVAILABLE, { field: json.field('VLAN'), what });
    }
    const key = json.text('Bridge') === '' ? 'NetworkName' : 'Bridge';
    const network = json.text(key) || json.text('Portgroup');
    const nic: Nic =
      key === 'NetworkName' && USER_NETWORKS.includes(network.toLowerCase())
        ? { type: 'user', ...more }
        : { type: 'bridge', bridge: requireBridge(json.field(key), network, bridges), ...more };
    const name = json.text('Name') || `net${index}`;
    const fixed = fixedAddress(json, 'StaticIP', 'Prefix', splitList(json.text('DNS')));
    return { name, network: network || 'default', nic, ...(fixed ? { fixed } : {}) };
  });
}

function requireBridge(field: string, name: string, bridges: ReadonlySet<string>): string {
  if (bridges.has(name)) return name;
  throw fail(virtrigaudErrors.NETWORK_NOT_FOUND, { field, name });
}

function macPart(json: JsonObject): { mac?: string } {
  const mac = json.text('MacAddress').toLowerCase();
  if (mac === '') return {};
  if (/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac)) return { mac };
  throw invalid(json.field('MacAddress'), 'a unicast address such as 52:54:00:12:34:56', mac);
}

function modelPart(json: JsonObject): { model?: 'e1000' | 'rtl8139' } {
  const model = oneOf(json.field('Model'), json.text('Model').toLowerCase() || 'virtio', NIC_MODELS);
  return model === 'e1000' || model === 'rtl8139' ? { model } : {};
}

export const NIC_MODELS = ['virtio', 'virtio-net', 'e1000', 'rtl8139'] as const;

/** A fixed address that a description gives, if it does. */
export function fixedAddress(
  json: JsonObject,
  ipKey: string,
  prefixKey: string,
  dns: readonly string[],
): FixedAddress | undefined {
  const ip = json.text(ipKey);
  if (ip === '') return undefined;
  if (isIP(ip) === 0) throw invalid(json.field(ipKey), 'an IP address', ip);
  const gateway = json.text('Gateway');
  if (gateway !== '' && isIP(gateway) === 0) throw invalid(json.field('Gateway'), 'an IP address', gateway);
  for (const server of dns) if (isIP(server) === 0) throw invalid(json.field('DNS'), 'IP addresses', server);
  const longest = isIPv4(ip) ? 32 : 128;
  const prefix = json.has('subnetMask') ? maskPrefix(json) : (json.whole(prefixKey, 0, longest) ?? 0);
  return { ip, prefix: prefix || (longest === 32 ? 24 : 64), ...(gateway === '' ? {} : { gateway }), dns };
}

/** `255.255.255.0`, or `24`. */
function maskPrefix(json: JsonObject): number {
  const text = json.text('subnetMask');
  if (/^\d{1,3}$/.test(text) && Number(text) <= 128) return Number(text);
  const bits = isIPv4(text)
    ? text
        .split('.')
        .map((byte) => Number(byte).toString(2).padStart(8, '0'))
        .join('')
    : '';
  if (!/^1+0*$/.test(bits)) throw invalid(json.field('subnetMask'), 'a mask such as 255.255.255.0', text);
  return bits.replaceAll('0', '').length;
}

export function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/**
 * cloud-init's network configuration, version 2, of the machine `id`; undefined when every card asks for its address, which
 * guests do by themselves.
 */
export function networkConfigOf(
  id: string,
  nics: readonly { readonly nic: Nic; readonly fixed?: FixedAddress }[],
): string | undefined {
  if (nics.every(({ fixed }) => fixed === undefined)) return undefined;
  const ethernets = nics.map(({ nic, fixed }, index) => [
    `nic${index}`,
    { match: { macaddress: nic.mac ?? macOf(id, index, nic.type) }, ...(fixed ? settings(fixed) : DHCP) },
  ]);
  return stringify({ version: 2, ethernets: Object.fromEntries(ethernets) });
}

const DHCP = { dhcp4: true };

function settings({ ip, prefix, gateway, dns }: FixedAddress): object {
  return {
    addresses: [`${ip}/${prefix}`],
    ...(gateway === undefined
      ? {}
      : { routes: [{ to: isIPv4(gateway) ? '0.0.0.0/0' : '::/0', via: gateway }] }),
    ...(dns.length === 0 ? {} : { nameservers: { addresses: dns } }),
  };
}
