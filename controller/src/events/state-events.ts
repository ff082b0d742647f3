import type { ControllerContext } from '../context.js';
import { type StateStep, stateSources } from './state-changes.js';
import { StatePublisher } from './state-publisher.js';

/** One log line and one event per change of state, from now on until it is stopped. */
export function startStateEvents(context: ControllerContext, region: number): { stop(): Promise<void> } {
  const { bus, caches, sync, ownAddress, clock, logger } = context;
  const sources = stateSources(caches);
  const publisher = new StatePublisher({
    ...{ bus, region, ownAddress, clock, logger, sources },
    controllers: caches.controllers,
    revision: () => sync.revision,
  });
  const tell = (step: StateStep) => {
    const { type, key, from, to, revision: rev } = step;
    logger.info({ type, key, from, to, rev }, 'State');
    publisher.take(step);
  };
  const ends = sources.map((source) => source.subscribe(tell));
  publisher.start();
  return {
    stop: async () => {
      for (const end of ends) end();
      await publisher.stop();
    },
  };
}
