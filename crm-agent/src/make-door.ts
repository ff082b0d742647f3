import type { AgentConfig } from './config.js';
import type { Door, DoorContext, DoorName } from './southbound/door.js';

/** The door of a name with the settings of this agent, not started; undefined when there is none. */
export function makeDoor(name: DoorName, _context: DoorContext, _config: AgentConfig): Door | undefined {
  switch (name) {
    default:
      return undefined;
  }
}
