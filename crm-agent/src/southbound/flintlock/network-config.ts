import { isIPv4 } from 'node:net';
import { stringify } from 'yaml';
import type { MicrovmInterface } from './model.js';

/** The configuration of a guest's network in the form of netplan, as flintlock writes it (flintlock spec section 2.7). */
export function networkConfigOf(interfaces: readonly MicrovmInterface[]): string {
  const ethernets = interfaces.map((nic) => [nic.name, ethernetOf(nic)]);
  return stringify({ version: 2, ethernets: Object.fromEntries(ethernets) });
}

function ethernetOf({ name, mac, address }: MicrovmInterface): Record<string, unknown> {
  const match = mac === undefined ? { name } : { macaddress: mac.toLowerCase() };
  const common = { match, 'dhcp-identifier': 'mac' };
  if (!address) return { ...common, dhcp4: true, dhcp6: true };
  const gateway = address.gateway?.split('/')[0];
  return {
    ...common,
    addresses: [address.address],
    ...(gateway !== undefined && { [isIPv4(gateway) ? 'gateway4' : 'gateway6']: gateway }),
    dhcp4: false,
    dhcp6: false,
    ...(address.nameservers.length > 0 && { nameservers: { addresses: [...address.nameservers] } }),
  };
}
