import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Logger, Random } from '@edgeplane/base';
import type { RpcServer } from '@edgeplane/rpc';
import type { Disk } from '../disk.js';

/** APIs of other ecosystems that an agent can serve, by the name in flags. */
export const DOOR_NAMES = ['virtrigaud', 'flintlock', 'operations', 'aurae'] as const;
export type DoorName = (typeof DOOR_NAMES)[number];

/** What a door works with. Engines of its own, below its folder, keep doors and drivers out of each other's workloads. */
export interface DoorContext {
  /** Absolute, the door's own; exists, and nobody else may look into it. */
  readonly stateDir: string;
  /** Key of the cloudlet, JSON. */
  readonly cloudletKeyJson: string;
  readonly disk: Disk;
  /** Absolute path of a folder of images; empty when there is none. */
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  /** Address on which public ports are opened. */
  readonly publicAddr: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** One API of another ecosystem, over engines of its own. Listeners, TLS and who may call are not its business. */
export interface Door {
  readonly name: DoorName;
  /** Takes up what an earlier life left. Called once, before its listeners open. */
  start(signal: AbortSignal): Promise<void>;
  /** Adds its services to a listener. More than one may be given, told apart by their dialect. */
  addServices(server: RpcServer, dialect?: string): void;
  /** Answers a request of its HTTP gateway, whose caller is already known. Only for doors that have one. */
  handleHttp?(request: IncomingMessage, response: ServerResponse): void;
  /** Lets go of everything; workloads run on (`keep`) or stop (`stop`). Safe to repeat, and after a start that failed. */
  stop(workloads: 'keep' | 'stop'): Promise<void>;
}
