import { fail } from '@edgeplane/base';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import { addressAt, FIRST_NODE_OFFSET, MAX_NODES, parseCidr } from '../../engines/network/index.js';
import { macOf, type VmSpec } from '../../engines/qemu/index.js';
import type { SshKeyPair } from '../../engines/ssh/index.js';
import { localErrors } from '../local/errors.js';
import { clusterErrors } from './errors.js';
import { machineId, nodeSeed } from './node-seed.js';
import type { ClusterRecord, NodeRecord, NodeSize } from './records.js';

/** Below this the system of a node has no room for anything else, MB. */
const LEAST_MEMORY_MB = 384;
/** What the system of a node, and podman's part of each container, take, MB. */
const SYSTEM_MB = 160;
/** The image's own size, MiB. */
const LEAST_DISK_MIB = 2048;

/** Names of the nodes a ClusterInst is to have, masters first. One that asks for none has one. */
export function wantedNodes({ numMasters, numNodes }: ClusterInst): readonly string[] {
  const names = (word: string, count: number) => Array.from({ length: count }, (_, i) => `${word}-${i + 1}`);
  const count = numMasters + numNodes;
  if (count > MAX_NODES) throw fail(clusterErrors.TOO_MANY_NODES, { max: MAX_NODES, count });
  return count === 0 ? names('node', 1) : [...names('master', numMasters), ...names('node', numNodes)];
}

/** What each node is given. @throws NO_FLAVOR, NODE_TOO_SMALL naming the flavor. */
export function nodeSize(clusterInst: ClusterInst, flavor: Flavor | undefined): NodeSize {
  const name = clusterInst.flavor?.name ?? '';
  const [vcpus, memoryMB] = [Number(flavor?.vcpus ?? 0), Number(flavor?.ram ?? 0)];
  if (vcpus < 1) throw fail(localErrors.NO_FLAVOR, { name, what: 'vcpus' });
  if (memoryMB < LEAST_MEMORY_MB)
    throw fail(clusterErrors.NODE_TOO_SMALL, { flavor: name, have: memoryMB, need: LEAST_MEMORY_MB });
  return { vcpus, memoryMB, diskMib: Math.max(LEAST_DISK_MIB, Number(flavor?.disk ?? 0) * 1024) };
}

/** Memory of a node for workloads, MB. */
export const roomOf = ({ memoryMB }: NodeSize): number => memoryMB - SYSTEM_MB;

/**
 * The nodes a cluster is to have: those of the record, another machine in the place of one whose size is not what is
 * wanted, and new ones. Those that are not wanted are left out.
 */
export function planNodes(
  record: ClusterRecord,
  names: readonly string[],
  fresh: { readonly size: NodeSize; readonly image: string; newKey(): SshKeyPair },
): readonly NodeRecord[] {
  const known = new Map(record.nodes.map((node) => [node.name, node]));
  const subnet = parseCidr(record.subnet) ?? { base: 0, prefix: 32 };
  const taken = new Set(record.nodes.map((node) => node.address));
  const freeAddress = () => {
    for (let offset = FIRST_NODE_OFFSET; ; offset++) {
      const address = addressAt(subnet, offset);
      if (taken.has(address)) continue;
      taken.add(address);
      return address;
    }
  };
  const { size, image } = fresh;
  return names.map((name) => {
    const node = known.get(name);
    if (!node) return { name, generation: 1, address: freeAddress(), size, image, hostKey: fresh.newKey() };
    return sameSize(node.size, size) ? node : successor({ ...node, size }, image, fresh.newKey());
  });
}

/** Another machine in the place of a node. */
export function successor(node: NodeRecord, image: string, hostKey: SshKeyPair): NodeRecord {
  return { ...node, generation: node.generation + 1, image, hostKey };
}

/** Nodes that take workloads: masters only where there is nothing else. */
export function workersOf(nodes: readonly NodeRecord[]): readonly NodeRecord[] {
  const workers = nodes.filter(({ name }) => name.startsWith('node-'));
  return workers.length > 0 ? workers : nodes;
}

const sameSize = (a: NodeSize, b: NodeSize): boolean =>
  a.vcpus === b.vcpus && a.memoryMB === b.memoryMB && a.diskMib === b.diskMib;

/** Marks the machines of a cluster. */
export const CLUSTER_LABEL = 'clusterInst';

/** What speeds up the boot of a kernel in a machine that has only what it was given. */
const KERNEL_LINE = [
  ...['console=ttyS0', 'root=/dev/vda', 'rw', 'quiet', 'loglevel=4', 'net.ifnames=0', 'panic=5'],
  ...['random.trust_cpu=on', 'no_timer_check', 'cryptomgr.notests', 'i8042.noaux', 'i8042.nopnp', 'audit=0'],
  'systemd.show_status=0',
].join(' ');

/** The machine of a node. Same records, same machine. */
export function machineOf(
  cluster: ClusterRecord,
  node: NodeRecord,
  settings: { readonly nameServers: readonly string[]; readonly cloudletKeyJson: string },
): VmSpec {
  const id = machineId(cluster, node);
  // The same for every machine in this place, so that nobody on the bridge has to learn it anew.
  const mac = macOf(`${cluster.name} ${node.name}`, 0, 'bridge');
  return {
    id,
    cpus: node.size.vcpus,
    memoryMib: node.size.memoryMB,
    image: `${node.image}/disk.qcow2`,
    diskMib: node.size.diskMib,
    nics: [{ type: 'bridge', bridge: cluster.bridge, mac }],
    cloudInit: nodeSeed(cluster, node, mac, settings.nameServers),
    kernel: { path: `${node.image}/vmlinuz`, initrd: `${node.image}/initrd`, cmdline: KERNEL_LINE },
    labels: { cloudlet: settings.cloudletKeyJson, [CLUSTER_LABEL]: cluster.keyJson },
  };
}
