import * as assert from 'uvu/assert';
import type { TestController } from './testing.js';

/** Counts the refs of the site from its instances, all of flavor `small`, and compares. */
export async function checkRefs(controller: TestController): Promise<void> {
  const [refs] = await controller.show('CloudletRefs');
  if (!refs) return;
  const clusters = await controller.show('ClusterInst');
  const nodes = clusters.reduce((sum, c) => sum + c.numNodes + c.numMasters, 0);
  assert.equal(
    [refs.usedRam, refs.usedVcores, refs.usedDisk],
    [1024n * BigInt(nodes), BigInt(nodes), 10n * BigInt(nodes)],
  );
  assert.is(refs.usedDynamicIps, clusters.filter((c) => c.allocatedIp === 'dynamic').length);
  const names = (keys: readonly { name: string }[]) => keys.map((k) => k.name).sort();
  assert.equal(names(refs.clusters), names(clusters.map((c) => c.key?.clusterKey ?? { name: '?' })));
  const ports: Record<number, number> = {};
  for (const inst of await controller.show('AppInst')) {
    if (inst.uri !== 'site.op.edge.internal') continue;
    for (const p of inst.mappedPorts) {
      const bit = p.proto === 2 ? 2 : 1;
      if (p.proto !== 3) {
        assert.is((ports[p.publicPort] ?? 0) & bit, 0, 'one owner');
        ports[p.publicPort] = (ports[p.publicPort] ?? 0) | bit;
      }
    }
  }
  assert.equal(refs.rootLbPorts, ports);
}
