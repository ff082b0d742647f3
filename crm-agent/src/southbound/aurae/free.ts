import { fail } from '@edgeplane/base';
import type { Json, Runner } from '../work/index.js';
import { auraeErrors } from './errors.js';
import { tenantNetwork } from './pod-record.js';
import { nameOf, type VerbContext } from './verb-context.js';

export interface FreeRequest {
  readonly force: boolean;
}

export const freeRequest = ({ force }: FreeRequest): Json => ({ force });

/** Stops what runs and removes all of a pod; the record goes last, so that a half-done one is continued. */
export function freeRunner({ host, table }: VerbContext): Runner {
  return {
    async run({ subject, request, attempts }, { signal, step }) {
      const { force } = request as unknown as FreeRequest;
      const pod = table.get(subject);
      if (!pod) {
        // An earlier life removed it and died before it said so.
        if (attempts > 1) return { message: 'freed' };
        throw fail(auraeErrors.NO_POD, { name: nameOf(subject) });
      }
      await table.put({ ...pod, stage: 'freeing', wanted: [], message: '' });
      for (const { name } of force ? [] : [...pod.spec.containers].reverse()) {
        signal.throwIfAborted();
        await step(`container ${name}`);
        await host.stop(pod.hostName, name, pod.spec.graceMs);
      }
      await step('remove');
      await host.remove(pod.hostName);
      await host.leaveNetwork(tenantNetwork(pod.tenant));
      await table.delete(subject);
      return { message: 'freed' };
    },
  };
}
