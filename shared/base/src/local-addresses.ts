import { BlockList, isIP } from 'node:net';

/** Networks by what their addresses are. */
const LOCAL: readonly (readonly [kind: string, ...(readonly [network: string, bits: number][])])[] = [
  ['loopback', ['127.0.0.0', 8], ['::1', 128]],
  ['unspecified', ['0.0.0.0', 8], ['::', 96]],
  // Where clouds tell a machine its credentials, outside of the link-local range.
  [
    'cloud metadata',
    ['fd00:ec2::254', 128],
    ['100.100.100.200', 32],
    ['168.63.129.16', 32],
    ['192.0.0.192', 32],
  ],
  ['link-local', ['169.254.0.0', 16], ['fe80::', 10]],
  ['multicast or reserved', ['224.0.0.0', 3], ['ff00::', 8]],
  // Routers make IPv4 addresses of them, any of the above among them.
  ['translated', ['64:ff9b::', 96], ['2002::', 16]],
];

const LISTS = LOCAL.map(([kind, ...networks]) => {
  const list = new BlockList();
  for (const [network, bits] of networks)
    list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4');
  return { kind, list };
});

/**
 * What an address is that only this machine, its link or its cloud's host answers, such as `loopback`; undefined of all others.
 * Whoever lets callers name what to fetch has to refuse these. An IPv4 address inside an IPv6 one counts as itself.
 */
export function localKindOf(address: string): string | undefined {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return LISTS.find(({ list }) => list.check(address, family))?.kind;
}
