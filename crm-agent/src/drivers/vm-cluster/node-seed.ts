import { addressAt, GATEWAY_OFFSET, parseCidr } from '../../engines/network/index.js';
import type { CloudInit } from '../../engines/qemu/index.js';
import type { ClusterRecord, NodeRecord } from './records.js';

/**
 * What a node is told at its boot: who it is, where, whom it lets in, and the key by which it is known. As YAML of the
 * sort that cloud-init reads too.
 * @param nameServers IPv4 addresses
 */
export function nodeSeed(
  cluster: ClusterRecord,
  node: NodeRecord,
  mac: string,
  nameServers: readonly string[],
): CloudInit {
  const subnet = parseCidr(cluster.subnet) ?? { base: 0, prefix: 32 };
  const block = node.hostKey.privateKey.trimEnd().replace(/^/gm, '    ');
  return {
    instanceId: machineId(cluster, node),
    hostname: node.name,
    userData: `#cloud-config
ssh_authorized_keys:
  - "${cluster.agentKey.publicKey}"
ssh_keys:
  ed25519_private: |
${block}
  ed25519_public: "${node.hostKey.publicKey}"
`,
    networkConfig: `version: 2
ethernets:
  eth0:
    match:
      macaddress: "${mac}"
    addresses:
      - "${node.address}/${subnet.prefix}"
    gateway4: "${addressAt(subnet, GATEWAY_OFFSET)}"
    nameservers:
      addresses:
${nameServers.map((server) => `        - "${server}"\n`).join('')}`,
  };
}

/** Name of the machine that a node is at present. */
export const machineId = (cluster: ClusterRecord, { name, generation }: NodeRecord): string =>
  `${cluster.name}-${name}-g${generation}`;

/** Servers that nodes can ask: a resolver on the host's own loopback is none of theirs. */
export function reachableServers(resolvConf: string): readonly string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
    (m) => m[1] ?? '',
  );
  return found.filter((address) => !address.startsWith('127.'));
}
