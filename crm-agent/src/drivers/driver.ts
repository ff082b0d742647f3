import type { Clock, Logger, Random } from '@edgeplane/base';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstRuntime } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey, FlavorInfo, SiteDevice } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import type { Disk } from '../disk.js';
import type { ShellRequest, StartShell } from '../exec/shell.js';
import type { Troubles } from '../troubles.js';
import type { HttpSettings, InstancePorts } from './public-ports.js';

/** What a driver can do on this host, known after `init`. */
export interface DriverCapabilities {
  /** `updateClusterInst` may succeed. */
  readonly clusterUpdate: boolean;
  /** `updateAppInst` may succeed. */
  readonly appUpdate: boolean;
  /** AppInsts of deployment `vm` can be made. */
  readonly vm: boolean;
  /** AppInsts of deployment `docker` and `kubernetes` can be made. */
  readonly containers: boolean;
  /** `prepareShell` works for containers. */
  readonly exec: boolean;
  /** Public ports of vm AppInsts are opened as those of containers are. */
  readonly publishesVmPorts: boolean;
}

/** What a driver gets once, before anything else. */
export interface DriverContext {
  readonly cloudletKey: CloudletKey;
  /** Key JSON of the cloudlet. */
  readonly cloudletKeyJson: string;
  /** Absolute path of a folder of the driver's own; undefined when nothing is to be remembered. */
  readonly stateDir: string | undefined;
  /** Where records of it are kept; default the machine's. */
  readonly disk?: Disk | undefined;
  readonly publicAddr: string;
  readonly http: HttpSettings;
  readonly imageDir: string;
  /** File with credentials of registries; empty when there is none. */
  readonly registryAuth: string;
  /** Where the driver says what is wrong with instances that run. */
  readonly troubles: Troubles;
  /** The load balancer of whoever has this driver do a part of the work; default: one of the driver's own. */
  readonly publicPorts?: InstancePorts | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a site has (spec section 9.3). */
export interface SiteLimits {
  /** MB. */
  readonly ram: bigint;
  readonly vcores: bigint;
  /** GB. */
  readonly disk: bigint;
  /** Whether the controller is to refuse what does not fit. */
  readonly binding: boolean;
  readonly flavors: readonly FlavorInfo[];
  /** What else it has; none when that is not known. */
  readonly devices?: readonly SiteDevice[];
}

/** How one operation is followed and cut short. */
export interface Operation {
  /** Aborted when the work is not wanted any more; the driver ends soon and leaves something `delete` can remove. */
  readonly signal: AbortSignal;
  /** One line per step, for the log. */
  progress(text: string): void;
}

export interface ClusterInstRequest {
  readonly keyJson: string;
  readonly clusterInst: ClusterInst;
  /** Size of each node; undefined when the agent does not know the flavor. */
  readonly flavor: Flavor | undefined;
}

export interface AppInstRequest {
  readonly keyJson: string;
  readonly app: App;
  readonly appInst: AppInst;
  /** undefined for deployment `vm`. */
  readonly clusterInst: ClusterInst | undefined;
  readonly flavor: Flavor;
}

/**
 * What an instance uses now. Counters grow from the start of its containers or machine; what the platform cannot measure
 * is undefined.
 */
export interface InstanceUsage {
  /** CPU time, nanoseconds; a counter. */
  readonly cpuNanos?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly memoryLimitBytes?: number | undefined;
  /** Room that its own data takes on the site's disk, without images that instances share. */
  readonly diskBytes?: number | undefined;
  /** A counter. */
  readonly diskReadBytes?: number | undefined;
  /** A counter. */
  readonly diskWriteBytes?: number | undefined;
  /** A counter. */
  readonly netInBytes?: number | undefined;
  /** A counter. */
  readonly netOutBytes?: number | undefined;
}

/** Where an instance is in its life as the driver remembers it. */
export type InstanceState = 'creating' | 'ready' | 'deleting';

/** What is found of an earlier run. */
export interface RecoveredInstance {
  readonly keyJson: string;
  /** Only `ready` means that it works as asked; anything else wants its create or delete run again. */
  readonly state: InstanceState;
}

export interface Recovered {
  readonly clusterInsts: readonly RecoveredInstance[];
  readonly appInsts: readonly RecoveredInstance[];
}

/**
 * Does what the controller wants done on one sort of site.
 *
 * Every operation may be repeated, and may follow one that the end of the process cut short at any instruction: create
 * completes what is half made, replaces what was made from another request, and does nothing more when all is there;
 * delete removes whatever is there, and nothing is not an error. The agent runs one operation per key at a time, and
 * any number for different keys. A failure is an Error whose message is fit for users.
 */
export interface Driver {
  /** The value of `--platform`. */
  readonly name: string;
  readonly capabilities: DriverCapabilities;
  /** @throws when the driver can never work here; what merely limits it shrinks the capabilities instead. */
  init(context: DriverContext, signal: AbortSignal): Promise<void>;
  gatherInfo(signal: AbortSignal): Promise<SiteLimits>;
  createClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void>;
  updateClusterInst(request: ClusterInstRequest, operation: Operation): Promise<void>;
  deleteClusterInst(keyJson: string, operation: Operation): Promise<void>;
  createAppInst(request: AppInstRequest, operation: Operation): Promise<void>;
  /**
   * Makes a running instance be what another request wants. After a failure it may be as it was, or gone; a create from
   * the earlier request brings it back.
   */
  updateAppInst(request: AppInstRequest, operation: Operation): Promise<void>;
  deleteAppInst(keyJson: string, operation: Operation): Promise<void>;
  /** @throws NOT_FOUND when the instance is not there. */
  appInstRuntime(keyJson: string, signal: AbortSignal): Promise<AppInstRuntime>;
  /** Costs little, as it is called for every instance again and again. @throws NOT_FOUND when the instance is not there. */
  measure(keyJson: string, signal: AbortSignal): Promise<InstanceUsage>;
  /** Finds what a shell is to run in; it starts later, or never. @throws when there is no such instance or container. */
  prepareShell(request: ShellRequest): Promise<StartShell>;
  /** Rebuilds what the driver knows from what it left behind; called once, after `init`. */
  recover(signal: AbortSignal): Promise<Recovered>;
  /** Lets go of everything the process holds; `workloads` says what becomes of what runs. Safe to repeat. */
  stop(workloads: 'keep' | 'stop'): Promise<void>;
}
