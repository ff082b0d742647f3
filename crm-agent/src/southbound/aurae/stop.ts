import { fail } from '@edgeplane/base';
import type { Json, Runner } from '../work/index.js';
import { auraeErrors } from './errors.js';
import { podOf, type VerbContext } from './verb-context.js';

export interface StopRequest {
  /** Empty: all. */
  readonly container: string;
  /** 0: the pod's. */
  readonly graceMs: number;
}

export const stopRequest = ({ container, graceMs }: StopRequest): Json => ({ container, graceMs });

/** Stops containers, the last one first; the sandbox stays. That they are not wanted any more is written down before. */
export function stopRunner(context: VerbContext): Runner {
  const { host, table } = context;
  return {
    async run(operation, { step }) {
      const { container, graceMs } = operation.request as unknown as StopRequest;
      const pod = podOf(context, operation);
      const names = pod.spec.containers.map(({ name }) => name);
      if (container !== '' && !names.includes(container))
        throw fail(auraeErrors.NO_CONTAINER, { name: pod.name, container });
      const chosen = container === '' ? names : [container];
      await table.put({ ...pod, wanted: pod.wanted.filter((n) => !chosen.includes(n)), message: '' });
      for (const name of chosen.reverse()) {
        await step(`container ${name}`);
        await host.stop(pod.hostName, name, graceMs || pod.spec.graceMs);
      }
      return { message: 'stopped' };
    },
  };
}
