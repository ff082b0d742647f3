import type { Clock, Logger, Random } from '@edgeplane/base';
import type { EventBus } from '@edgeplane/bus';
import type { CacheSync } from '@edgeplane/store';
import type { Background } from './background.js';
import type { Caches } from './caches.js';
import type { Database } from './db/database.js';
import type { TextFetcher } from './deploy/fetch-text.js';
import type { Operation } from './ownership/operation.js';
import type { Ownership } from './ownership/ownership.js';
import type { Peers } from './peers/peers.js';
import type { CapacityMode } from './refs/capacity.js';
import type { Registry } from './registry.js';

/** How long an operation waits for an agent, milliseconds (controller spec section 8.8). */
export interface Timeouts {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
}

/** What the code of the APIs works with. Built by createController, the same for as long as it runs. */
export interface ControllerContext {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly db: Database;
  readonly sync: CacheSync;
  readonly caches: Caches;
  readonly registry: Registry;
  readonly ownership: Ownership;
  /** Brings an operation of this controller to its end in the background. */
  readonly resume: (operation: Operation) => void;
  readonly bus: EventBus;
  readonly peers: Peers;
  readonly background: Background;
  readonly fetcher: TextFetcher;
  readonly timeouts: Timeouts;
  /** Domain below which instances get their names. */
  readonly rootDomain: string;
  /** Where images without a path are. */
  readonly imageRegistry: string;
  /** Whether Developers and Operators must exist for what names them. */
  readonly strictOwners: boolean;
  /** When what a cloudlet has bounds what may be made there. */
  readonly enforceCapacity: CapacityMode;
  /** Aborted when the controller stops. */
  readonly stopping: AbortSignal;
  /** `<host>@<api address>`; known from the start of the notify server on. */
  readonly controllerId: () => string;
  /** Address in the registry of controllers. */
  readonly ownAddress: () => string;
}
