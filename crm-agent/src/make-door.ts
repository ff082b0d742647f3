import type { AgentConfig } from './config.js';
import { AuraeDoor } from './southbound/aurae/index.js';
import type { Door, DoorContext, DoorName } from './southbound/door.js';
import { FlintlockDoor } from './southbound/flintlock/index.js';
import { OperationsDoor } from './southbound/operations/index.js';
import { VirtrigaudDoor } from './southbound/virtrigaud/index.js';

/** The door of a name with the settings of this agent, not started. */
export function makeDoor(name: DoorName, context: DoorContext, config: AgentConfig): Door {
  switch (name) {
    case 'flintlock':
      return new FlintlockDoor(context, config.flintlock);
    case 'operations':
      return new OperationsDoor(context, config.operations);
    case 'virtrigaud':
      return new VirtrigaudDoor(context, config.virtrigaud);
    case 'aurae':
      return new AuraeDoor({ context, policy: config.pods });
  }
}
