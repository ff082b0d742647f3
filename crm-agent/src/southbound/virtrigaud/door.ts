import { join } from 'node:path';
import { messageOf } from '@edgeplane/base';
import { ProviderService } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { parseAddress, type RpcContext, type RpcServer, unary } from '@edgeplane/rpc';
import { type AcceleratorName, QemuEngine, VncGateway } from '../../engines/qemu/index.js';
import { Reserve } from '../../reserve.js';
import { Admission, hostRoom } from '../../site/admission.js';
import { HOST } from '../../site/host-paths.js';
import type { Door, DoorContext } from '../door.js';
import { OperationLog } from '../work/index.js';
import { managerError } from './codes.js';
import { DiskCalls } from './disk-calls.js';
import { DiskCatalog } from './disk-catalog.js';
import { registerDiskWork } from './disk-work.js';
import { Fetcher } from './fetcher.js';
import { ForwardPorts } from './forwards.js';
import { HostHealth } from './health.js';
import { hostBridges } from './host-bridges.js';
import { ImageLibrary } from './image-library.js';
import { Inventory } from './inventory.js';
import { ListedVms } from './listed-vms.js';
import { makesMachine, registerMachineWork } from './machine-work.js';
import { isId } from './names.js';
import { NetGuard } from './net-guard.js';
import { Operations } from './operations.js';
import { registerPowerWork } from './power-work.js';
import { withRoomToEnd } from './record-room.js';
import type { VirtrigaudSettings } from './settings.js';
import { SnapshotCalls } from './snapshot-calls.js';
import { registerSnapshotWork } from './snapshot-work.js';
import { capabilities, describe, describeUnborn, NO_SUCH_VM } from './views.js';
import { VmCalls, vmLane } from './vm-calls.js';
import type { WorkTools } from './work-tools.js';

/** What is not the operator's to say. */
export interface VirtrigaudOptions {
  /** Default: found out. */
  readonly accelerator?: AcceleratorName;
}

/**
 * VirtRigaud's `provider.v1.Provider` over machines of its own: what its manager, and any client of that API, drives as a
 * hypervisor. The calls only read requests and wait; what is done is done by operations that outlive them.
 */
export class VirtrigaudDoor implements Door {
  readonly name = 'virtrigaud';
  readonly #context: DoorContext;
  readonly #settings: VirtrigaudSettings;
  readonly #engine: QemuEngine;
  readonly #log: OperationLog;
  readonly #tools: WorkTools;
  readonly #health: HostHealth;
  readonly #room: Reserve;
  readonly #operations: Operations;
  readonly #vms: VmCalls;
  readonly #snapshots: SnapshotCalls;
  readonly #disks: DiskCalls;
  readonly #ending = new AbortController();
  #following: Promise<unknown> = Promise.resolve();
  #gateway: VncGateway | undefined;
  #consoleBase = '';

  constructor(context: DoorContext, settings: VirtrigaudSettings, { accelerator }: VirtrigaudOptions = {}) {
    const { stateDir, clock, random, logger, disk, imageDir } = context;
    const { pvcDir, fileDirs } = settings;
    this.#context = context;
    this.#settings = settings;
    const machines = join(stateDir, 'machines');
    const engine = new QemuEngine({
      stateDir: machines,
      clock,
      logger,
      random,
      ...(accelerator ? { accelerator } : {}),
    });
    const guard = new NetGuard(settings.allowedHosts);
    const fetcher = new Fetcher({
      ...{ stagingDir: join(stateDir, 'staging'), guard, clock, random, maxBytes: settings.maxFetchBytes },
    });
    const images = new ImageLibrary({ engine, fetcher, imageDir });
    const inventory = new Inventory({ engine, root: join(machines, 'vms'), clock, logger });
    const tools: WorkTools = {
      ...{ engine, inventory, images, fetcher, guard, clock, random, logger },
      admission: new Admission(hostRoom(stateDir, HOST)),
      ports: new ForwardPorts({ address: context.publicAddr, inventory }),
      disks: new DiskCatalog(join(stateDir, 'disks'), disk),
      prepared: new DiskCatalog(join(stateDir, 'images'), disk),
      locations: { pvcDir, fileDirs },
      cloudlet: context.cloudletKeyJson,
      display: settings.consoleAddr !== '',
    };
    const room = new Reserve(join(stateDir, 'reserve'), logger);
    const log = new OperationLog({
      ...{ dir: join(stateDir, 'operations'), disk: withRoomToEnd(disk, room), clock, random, logger },
    });
    registerMachineWork(log, tools);
    registerPowerWork(log, tools);
    registerSnapshotWork(log, tools);
    registerDiskWork(log, tools);
    const operations = new Operations(log, clock);
    const { disks, prepared, locations } = tools;
    const vms = new VmCalls({
      engine,
      inventory,
      images,
      operations,
      room,
      bridges: () => hostBridges(HOST),
    });
    this.#engine = engine;
    this.#room = room;
    this.#log = log;
    this.#tools = tools;
    this.#operations = operations;
    this.#vms = vms;
    this.#snapshots = new SnapshotCalls({ engine, operations, vms, clock, room });
    this.#disks = new DiskCalls({ engine, operations, vms, images, disks, prepared, locations, clock });
    this.#health = new HostHealth(engine, stateDir);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const { inventory, fetcher, images, disks, prepared } = this.#tools;
    await this.#engine.recover();
    await fetcher.start();
    await images.start();
    await Promise.all([disks.start(), prepared.start(), inventory.start()]);
    await this.#openConsole();
    await this.#room.keep();
    await this.#log.start();
    await this.#health.look();
    signal.throwIfAborted();
    const ending = this.#ending.signal;
    this.#following = Promise.all([inventory.follow(ending), this.#health.follow(clock, ending)]);
  }

  async #openConsole(): Promise<void> {
    const { consoleAddr } = this.#settings;
    if (consoleAddr === '') return;
    const { clock, logger, publicAddr } = this.#context;
    const { host, port } = parseAddress(consoleAddr);
    const socketOf = (id: string) => this.#engine.vncSocket(id);
    const gateway = new VncGateway({ clock, logger, socketOf, port, ...(host === '' ? {} : { host }) });
    const bound = await gateway.start();
    this.#gateway = gateway;
    const isAny = bound.host === '0.0.0.0' || bound.host === '::';
    this.#consoleBase = `ws://${isAny ? publicAddr : bound.host}:${bound.port}`;
  }

  addServices(server: RpcServer): void {
    const [vms, snapshots, disks] = [this.#vms, this.#snapshots, this.#disks];
    const listed = new ListedVms();
    server.addService(ProviderService, {
      validate: call(() => this.#health.state),
      create: call((request, context) => vms.create(request, context)),
      delete: call((request, context) => vms.delete(request, context)),
      power: call((request, context) => vms.power(request, context)),
      reconfigure: call((request, context) => vms.reconfigure(request, context)),
      hardwareUpgrade: call((request, context) => vms.upgrade(request, context)),
      describe: call(({ id }) => this.#describe(id)),
      taskStatus: call(({ task }) => this.#operations.status(task)),
      snapshotCreate: call((request, context) => snapshots.create(request, context)),
      snapshotDelete: call((request, context) => snapshots.delete(request, context)),
      snapshotRevert: call((request, context) => snapshots.revert(request, context)),
      clone: call((request, context) => vms.clone(request, context)),
      imagePrepare: call((request, context) => disks.prepare(request, context)),
      getCapabilities: call(() => capabilities(this.#health.state.ok)),
      exportDisk: call((request, context) => disks.export(request, context)),
      importDisk: call((request, context) => disks.import(request, context)),
      getDiskInfo: call((request) => disks.info(request)),
      listVMs: call(() => ({ vms: listed.of(this.#tools.inventory.all()) })),
    });
  }

  async #describe(id: string) {
    if (!isId(id)) return NO_SUCH_VM;
    const vm = await this.#tools.inventory.get(id);
    if (vm) return describe(vm, await this.#consoleUrl(id, vm.status.state === 'running'));
    const making = this.#operations.pending(vmLane(id), makesMachine);
    if (!making) return NO_SUCH_VM;
    return describeUnborn(id, (making.request as { readonly name: string }).name, making.id);
  }

  /** Each is for one connection; empty when there is no screen to see. */
  async #consoleUrl(id: string, running: boolean): Promise<string> {
    if (!this.#gateway || !running) return '';
    try {
      return this.#consoleBase + (await this.#gateway.ticket(id)).path;
    } catch (error) {
      this.#context.logger.debug({ vm: id, reason: messageOf(error) }, 'No console');
      return '';
    }
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#health.stopping();
    this.#ending.abort();
    await this.#log.stop();
    await Promise.all([this.#following, this.#gateway?.stop()]);
    this.#gateway = undefined;
    if (workloads === 'stop')
      await Promise.all(this.#tools.inventory.all().map(({ id }) => this.#engine.stop(id, { graceMs: 0 })));
    await this.#engine.close();
  }
}

/** A handler whose faults are those that managers understand. */
function call<Req, Res>(work: (request: Req, context: RpcContext) => Res | Promise<Res>) {
  return unary<Req, Res>(async (request, context) => {
    try {
      return await work(request, context);
    } catch (error) {
      throw managerError(error);
    }
  });
}
