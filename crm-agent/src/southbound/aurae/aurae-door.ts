import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import { PodExtensionService } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension-service.js';
import { type RpcServer, unary } from '@edgeplane/rpc';
import { hostName } from '../../host-names.js';
import { Admission, hostRoom } from '../../site/admission.js';
import { HOST } from '../../site/host-paths.js';
import type { Door, DoorContext } from '../door.js';
import type { OperationRecord } from '../work/index.js';
import { allocateRunner } from './allocate.js';
import { auraeErrors } from './errors.js';
import { extensionHandlers } from './extension-service.js';
import { freeRunner } from './free.js';
import type { PodHost } from './pod-host.js';
import { PodOperations } from './pod-operations.js';
import type { PodPrograms } from './pod-programs.js';
import { type PodPolicy, PodService } from './pod-service.js';
import { PodTable } from './pod-table.js';
import { PodmanHost } from './podman-host.js';
import { ProbeKeeper } from './probes.js';
import { recoverPods } from './recover.js';
import { restartRequest, restartRunner } from './restart.js';
import { POD_SERVICE_NAMES, podServiceAs } from './service-names.js';
import { startRunner } from './start.js';
import { stopRunner } from './stop.js';
import type { VerbContext } from './verb-context.js';

/** A host whose life the door has in hand. */
export interface OwnedHost extends PodHost {
  readonly programs: PodPrograms;
  /** Tells the name of each pod of which a container starts or ends, until the signal aborts. */
  watchChanges(told: (pod: string) => void, signal: AbortSignal): Promise<void>;
  /** Puts in order what a crash or a boot left. Starts nothing. */
  recover(): Promise<void>;
  close(workloads: 'keep' | 'stop'): Promise<void>;
}

export interface AuraeDoorOptions {
  readonly context: DoorContext;
  readonly policy: PodPolicy;
  /** Default: podman of this machine. */
  readonly openHost?: (signal: AbortSignal) => Promise<OwnedHost>;
  /** Told of each durable point of an operation, before it goes on: where tests end the process. */
  readonly onStep?: (record: OperationRecord) => Promise<void> | void;
}

/** What there is while the door is open. */
interface Opened {
  readonly host: OwnedHost;
  readonly operations: PodOperations;
  readonly probes: ProbeKeeper;
  readonly table: PodTable;
  readonly service: PodService;
  readonly watching: Promise<void>;
}

/** Aurae's pods, over a podman of their own. */
export class AuraeDoor implements Door {
  readonly name = 'aurae';
  readonly #options: AuraeDoorOptions;
  readonly #closing = new AbortController();
  #opened: Opened | undefined;

  constructor(options: AuraeDoorOptions) {
    this.#options = options;
  }

  /** @throws PODS_UNAVAILABLE with the reason */
  async start(signal: AbortSignal): Promise<void> {
    const { context, policy, onStep } = this.#options;
    const { stateDir, disk, clock, random, logger } = context;
    const table = new PodTable(stateDir, disk);
    await table.load();
    const host = await (this.#options.openHost ?? openPodman(context))(signal);
    const admission = new Admission(hostRoom(stateDir, HOST));
    const verbs: VerbContext = { host, table, admission, clock, random, logger };
    const operations = new PodOperations({
      ...{ stateDir, disk, clock, random, logger, ...(onStep && { onStep }) },
      runners: {
        allocate: allocateRunner(verbs),
        start: startRunner(verbs),
        stop: stopRunner(verbs),
        free: freeRunner(verbs),
        restart: restartRunner(verbs),
      },
      changed: (keyJson) => table.changed(keyJson),
    });
    const probes = new ProbeKeeper({
      ...{ host, clock, logger },
      changed: (keyJson) => table.changed(keyJson),
      dead: async (pod, container, reason) => {
        const { keyJson, name } = pod;
        const call = { verb: 'restart', keyJson, name, requestId: '', caller: '' } as const;
        await operations.run(
          { ...call, request: restartRequest({ container, reason }) },
          this.#closing.signal,
        );
      },
    });
    const byHostName = (name: string) => table.values().find((pod) => pod.hostName === name);
    const watching = host.watchChanges((name) => {
      const pod = byHostName(name);
      if (pod) table.changed(pod.keyJson);
    }, this.#closing.signal);
    const service = new PodService({ context: verbs, operations, probes, policy });
    this.#opened = { host, operations, probes, table, service, watching };
    table.listen((keyJson) => probes.follow(keyJson, table.get(keyJson)));
    await host.recover();
    await operations.start();
    await recoverPods(verbs, operations, signal);
    for (const pod of table.values()) probes.follow(pod.keyJson, pod);
  }

  addServices(server: RpcServer): void {
    const { service, host, table } = this.#open();
    const handlers = {
      allocate: unary((request, context) => service.allocate(request, context)),
      start: unary((request, context) => service.start(request, context)),
      stop: unary((request, context) => service.stop(request, context)),
      free: unary((request, context) => service.free(request, context)),
    } satisfies Parameters<typeof server.addService<ReturnType<typeof podServiceAs>>>[1];
    for (const name of POD_SERVICE_NAMES) server.addService(podServiceAs(name), handlers);
    server.addService(PodExtensionService, extensionHandlers({ service, table, programs: host.programs }));
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#closing.abort(fail(auraeErrors.STOPPING));
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    await opened.probes.stop();
    await opened.operations.stop();
    await opened.watching;
    await opened.host.close(workloads);
  }

  #open(): Opened {
    if (this.#opened) return this.#opened;
    throw fail(auraeErrors.STOPPING);
  }
}

function openPodman({ stateDir, cloudletKeyJson, imageDir, registryAuth, clock, logger }: DoorContext) {
  // With the folder, as two agents of one cloudlet may share a host while one replaces the other.
  const owner = hostName(['aurae'], `${cloudletKeyJson} ${stateDir}`);
  const options = { owner, stateDir: join(stateDir, 'podman'), imageDir, registryAuth, clock, logger };
  return (signal: AbortSignal) => PodmanHost.open(options, signal);
}
