import { fail, messageOf, randomId } from '@edgeplane/base';
import type { Json, Runner } from '../work/index.js';
import { auraeErrors } from './errors.js';
import { choosePorts } from './host-ports.js';
import { sandboxOf } from './host-specs.js';
import { fetchImages } from './pod-images.js';
import { nameOnHost, type PodRecord, tenantNetwork } from './pod-record.js';
import { type PodSpec, podHash } from './pod-spec.js';
import { isStopping, nameOf, type VerbContext, withRoom } from './verb-context.js';

/** Pods of one host; podman's own state grows with them. */
const MOST_PODS = 500;

/** What an allocation is, without what may be secret. */
export interface AllocateRequest {
  readonly hash: string;
  readonly tenant: string;
  readonly ownerOf: string;
  readonly pullOnStart: boolean;
}

export const allocateRequest = (request: AllocateRequest): Json => ({ ...request });

/**
 * Reserves a pod: its record first, then images, then the sandbox with addresses, ports and limits. The secret is its spec.
 * What fails leaves nothing, not even the name.
 */
export function allocateRunner(context: VerbContext): Runner {
  const { table, host, random, logger } = context;
  return {
    async run({ subject, request }, { signal, step, secret }) {
      const { hash, tenant, ownerOf, pullOnStart } = request as unknown as AllocateRequest;
      const name = nameOf(subject);
      const existing = table.get(subject);
      if (existing?.stage === 'freeing') throw fail(auraeErrors.HALF_FREED, { name });
      if (existing && existing.allocatedHash !== hash) throw fail(auraeErrors.POD_EXISTS, { name });
      if (existing?.stage === 'allocated') {
        await host.ensureSandbox(sandboxOf(existing));
        return { message: 'is allocated' };
      }
      const spec = JSON.parse(await secret()) as PodSpec;
      const others = table.values().filter((pod) => pod.keyJson !== subject);
      if (others.length >= MOST_PODS) throw fail(auraeErrors.TOO_MANY_PODS, { count: others.length });
      try {
        await withRoom(context, name, spec, signal, async () => {
          const ports = existing?.ports ?? (await choosePorts(spec.ports, others, host, random));
          const record: PodRecord = existing ?? {
            ...{ keyJson: subject, uid: randomId(random), name, tenant, ownerOf },
            ...{ hostName: nameOnHost(tenant, name), stage: 'allocating', spec, ports },
            ...{ allocatedHash: hash, specHash: podHash(spec), generation: 1 },
            ...{ wanted: [], restarts: {}, message: '' },
          };
          await table.put(record);
          if (!pullOnStart) {
            await step('images');
            await fetchImages(host, spec.containers, signal);
          }
          await step('sandbox');
          await host.ensureSandbox(sandboxOf(record));
          signal.throwIfAborted();
          await table.put({ ...record, stage: 'allocated' });
        });
      } catch (error) {
        if (!isStopping(signal)) await undo(subject);
        throw error;
      }
      return { message: 'allocated' };
    },
  };

  /** The name is given back last: while it is taken, what there is on the host has an owner. */
  async function undo(subject: string): Promise<void> {
    const record = table.get(subject);
    if (!record) return;
    try {
      await host.remove(record.hostName);
      await host.leaveNetwork(tenantNetwork(record.tenant));
      await table.delete(subject);
    } catch (error) {
      logger.warn(
        { pod: record.name, err: error },
        'What a failed allocation made stays until the pod is freed',
      );
      await table.put({ ...record, stage: 'freeing', message: messageOf(error) });
    }
  }
}
