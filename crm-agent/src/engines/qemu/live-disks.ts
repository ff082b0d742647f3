import { type Clock, fail, sleep } from '@edgeplane/base';
import { type LayerArg, nodeOf } from './disk-args.js';
import { qemuErrors } from './errors.js';
import type { QmpClient } from './qmp.js';

/** Names of the nodes that devices of the guest write to. */
export async function headNodes(qmp: QmpClient): Promise<ReadonlySet<string>> {
  const devices = (await qmp.execute('query-block')) as { inserted?: { 'node-name'?: string } }[];
  return new Set(devices.flatMap(({ inserted }) => inserted?.['node-name'] ?? []));
}

async function allNodes(qmp: QmpClient): Promise<ReadonlySet<string>> {
  const nodes = (await qmp.execute('query-named-block-nodes', { flat: true })) as { 'node-name'?: string }[];
  return new Set(nodes.flatMap((node) => node['node-name'] ?? []));
}

export interface Overlay {
  /** Node of the head so far. */
  readonly over: string;
  /** An empty file that lies on it. */
  readonly layer: LayerArg;
}

/** Makes overlays the heads of their disks, all at the same moment or none. */
export async function takeOverlays(qmp: QmpClient, overlays: readonly Overlay[]): Promise<void> {
  const there = await allNodes(qmp);
  for (const { layer } of overlays) {
    if (there.has(layer.nodeName)) continue;
    // What lies below comes with the transaction: it is a node that is open already.
    await qmp.execute('blockdev-add', { ...nodeOf(layer, false), backing: null });
  }
  const actions = overlays.map(({ over, layer }) => ({
    type: 'blockdev-snapshot',
    data: { node: over, overlay: layer.nodeName },
  }));
  await qmp.execute('transaction', { actions });
}

/** Lets go of nodes that no device uses; one that is not there, or still in use, is left. */
export async function dropNodes(qmp: QmpClient, nodes: readonly string[]): Promise<void> {
  for (const node of nodes) await qmp.execute('blockdev-del', { 'node-name': node }).catch(() => undefined);
}

/** Takes over into `into` whatever lies between it and `base`, while the guest runs; then `into` lies on `base`. */
export async function streamInto(
  qmp: QmpClient,
  clock: Clock,
  into: string,
  base: string | undefined,
): Promise<void> {
  const job = `merge-${into}`;
  const jobs = (await qmp.execute('query-jobs')) as { id: string }[];
  // It may have been begun before we were ended.
  if (!jobs.some(({ id }) => id === job)) {
    const rest = base === undefined ? {} : { 'base-node': base };
    await qmp.execute('block-stream', { 'job-id': job, device: into, 'auto-dismiss': false, ...rest });
  }
  await finishJob(qmp, clock, job);
  // What QEMU holds back of the file's tables would be lost with it, and the layer that has the data too goes next.
  const answer = await qmp.execute('human-monitor-command', { 'command-line': `qemu-io ${into} flush` });
  if (answer !== '') throw fail(qemuErrors.diskJobFailed, { job, reason: String(answer).trim() });
}

/** Waits for a job to conclude, and forgets it. @throws diskJobFailed with QEMU's reason */
export async function finishJob(qmp: QmpClient, clock: Clock, job: string): Promise<void> {
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    const jobs = (await qmp.execute('query-jobs')) as { id: string; status: string; error?: string }[];
    const found = jobs.find(({ id }) => id === job);
    if (!found) return;
    if (found.status === 'concluded') {
      await qmp.execute('job-dismiss', { id: job });
      if (found.error !== undefined) throw fail(qemuErrors.diskJobFailed, { job, reason: found.error });
      return;
    }
    await sleep(clock, pause);
  }
}
