import { OBJECTS } from '@edgeplane/objects';
import type { Stored } from './stored.js';

/** Bits of a port's owners. */
const BITS: Readonly<Record<number, number>> = { 1: 1, 2: 2 };

/** Counts what instances hold again, and compares it with what the controllers have counted. */
export function refsFaults(stored: Stored): string[] {
  const faults: string[] = [];
  const { AppInst, Cloudlet, CloudletRefs, ClusterInst, ClusterRefs } = OBJECTS;
  const clusters = [...stored.objects(ClusterInst).values()];
  const insts = [...stored.objects(AppInst).values()];
  for (const [key, refs] of stored.objects(CloudletRefs)) {
    const own = clusters.filter((c) => ClusterInst.cloudletKeyJson(c) === key);
    const nodes = own.reduce((sum, c) => sum + c.numNodes + c.numMasters, 0);
    const ports: Record<number, number> = {};
    const site = Cloudlet.parseKeyJson(key);
    for (const inst of insts) {
      if (inst.uri !== `${site.name}.${site.operatorKey?.name}.edge.internal`) continue;
      for (const { publicPort, proto } of inst.mappedPorts) {
        const bit = BITS[proto] ?? 0;
        if (((ports[publicPort] ?? 0) & bit) !== 0) faults.push(`${key}: port ${publicPort} has two owners`);
        if (bit !== 0) ports[publicPort] = (ports[publicPort] ?? 0) | bit;
      }
    }
    const pairs: readonly [string, unknown, unknown][] = [
      ['used_ram', Number(refs.usedRam), 1024 * nodes],
      [
        'clusters',
        refs.clusters.map((c) => c.name).sort(),
        own.map((c) => c.key?.clusterKey?.name ?? '').sort(),
      ],
      ['dynamic IPs', refs.usedDynamicIps, own.filter((c) => c.allocatedIp === 'dynamic').length],
      ['ports', refs.rootLbPorts, ports],
    ];
    for (const [what, found, wanted] of pairs)
      if (JSON.stringify(found) !== JSON.stringify(wanted))
        faults.push(`refs of ${key}: ${what} ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
  }
  const counted = stored.objects(ClusterRefs);
  for (const cluster of clusters) {
    const key = ClusterInst.keyJsonOf(cluster);
    const wanted = insts
      .filter((inst) => inst.key?.clusterInstKey && ClusterInst.keyJson(inst.key.clusterInstKey) === key)
      .map((inst) => inst.key?.appKey?.name ?? '');
    const found = (counted.get(key)?.apps ?? []).map(({ name }) => name);
    if (wanted.sort().join() !== found.sort().join())
      faults.push(`refs of ${key}: apps ${found.join()}, not ${wanted.join()}`);
  }
  return faults;
}
