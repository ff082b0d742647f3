import type { Json, Runner } from '../work/index.js';
import { startContainers } from './start.js';
import { podOf, type VerbContext } from './verb-context.js';

export interface RestartRequest {
  readonly container: string;
  /** For people. */
  readonly reason: string;
}

export const restartRequest = ({ container, reason }: RestartRequest): Json => ({ container, reason });

/** Ends a container that its liveness probe has given up, and starts it again, unless it is not wanted any more. */
export function restartRunner(context: VerbContext): Runner {
  const { host, table, logger } = context;
  return {
    async run(operation, run) {
      const { container, reason } = operation.request as unknown as RestartRequest;
      const pod = podOf(context, operation);
      const spec = pod.spec.containers.find((c) => c.name === container);
      if (!spec || !pod.wanted.includes(container)) return { message: 'not wanted any more' };
      logger.info({ pod: pod.name, container, reason }, 'Container fails its liveness probe');
      await host.stop(pod.hostName, container, pod.spec.graceMs);
      await startContainers(context, pod, [spec], run);
      const restarts = { ...pod.restarts, [container]: (pod.restarts[container] ?? 0) + 1 };
      await table.put({ ...pod, restarts });
      return { message: 'restarted' };
    },
  };
}
