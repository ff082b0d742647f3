import type { ControllerContext } from '../context.js';
import { onStateSteps } from './state-changes.js';
import { StatePublisher } from './state-publisher.js';

/** One log line and one event per change of state, from now on until it is stopped. */
export function startStateEvents(context: ControllerContext, region: number): { stop(): Promise<void> } {
  const { bus, caches, ownAddress, clock, logger } = context;
  const publisher = new StatePublisher({
    ...{ bus, region, ownAddress, clock, logger },
    controllers: caches.controllers,
  });
  const end = onStateSteps(caches, (step) => {
    const { type, key, from, to, revision: rev } = step;
    logger.info({ type, key, from, to, rev }, 'State');
    publisher.take(step);
  });
  publisher.start();
  return {
    stop: async () => {
      end();
      await publisher.stop();
    },
  };
}
