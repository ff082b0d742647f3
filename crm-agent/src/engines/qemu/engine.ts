import { isAbsolute, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, fail, isKind, type Logger, messageOf, type Random, systemRandom } from '@edgeplane/base';
import { identityOf, terminate, waitForExit } from '../process/index.js';
import type { Accelerator } from './accelerator.js';
import { adoptDisk, forgetAdopted } from './adopted-disks.js';
import { qemuErrors } from './errors.js';
import { readTail } from './files.js';
import { HostFacts } from './host-facts.js';
import { type BaseImage, ImageStore } from './images.js';
import { LayerUsers } from './layer-users.js';
import type { AcceleratorName } from './machine-args.js';
import { machineVersions } from './machine-versions.js';
import { sweepMacvtaps } from './macvtap.js';
import { QmpClient } from './qmp.js';
import { checkSpec, type VmSpec } from './spec.js';
import { runTool } from './tools.js';
import { prepareVm, type StopMeans, type StopOptions, stopVm, type VmContext, type VmStep } from './vm.js';
import { VmClones } from './vm-clones.js';
import { CONSOLE_SOCKET, listVmIds, MONITOR_SOCKET, sweep, VNC_SOCKET } from './vm-dir.js';
import { VmDisks } from './vm-disks.js';
import { VmGuest } from './vm-guest.js';
import { VmLauncher } from './vm-launcher.js';
import { VmMetadata } from './vm-metadata.js';
import { VmNetwork } from './vm-network.js';
import type { VmRecord } from './vm-record.js';
import { VmResources } from './vm-resources.js';
import { VmRevision } from './vm-revision.js';
import { VmRoom } from './vm-room.js';
import { VmSnapshots } from './vm-snapshots.js';
import { statsOf, type VmStats } from './vm-stats.js';
import { type RunningVm, type VmStatus, VmTable } from './vm-table.js';
import { VmTransfer } from './vm-transfer.js';

export interface QemuEngineOptions {
  /** Absolute; machines, downloads and the probe result live here. One engine per directory. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default `auto`: find out by running a guest. */
  readonly accelerator?: AcceleratorName | 'auto';
  /** Default qemu-system-x86_64. */
  readonly command?: string;
  readonly maxDownloadBytes?: number;
  readonly random?: Random;
  /** Told when a guest stands still because there is no room for what it writes, and, without a text, when it goes on. */
  readonly onTrouble?: (id: string, trouble: string | undefined) => void;
  /** Called at each step of create and start; a test may end the process in it. */
  readonly onStep?: (id: string, step: VmStep) => void | Promise<void>;
}

export interface Availability {
  readonly available: boolean;
  /** Why not, or which QEMU. */
  readonly reason: string;
}

/**
 * Virtual machines of one state directory. The directory is the truth: every call reads it, so the engine may be
 * ended at any moment and made anew. Machines run on without it. Calls for one machine take turns.
 */
export class QemuEngine {
  readonly #host: HostFacts;
  readonly #context: VmContext;
  readonly images: ImageStore;
  readonly #table: VmTable;
  readonly #launcher: VmLauncher;
  readonly #disks: VmDisks;
  readonly #users: LayerUsers;
  readonly #metadata: VmMetadata;
  readonly #room: VmRoom;
  readonly network: VmNetwork;
  readonly guest: VmGuest;
  readonly snapshots: VmSnapshots;
  readonly clones: VmClones;
  readonly resources: VmResources;
  readonly revision: VmRevision;
  readonly transfer: VmTransfer;
  #machineVersions: Promise<readonly string[]> | undefined;

  constructor(options: QemuEngineOptions) {
    const { stateDir, clock, logger, accelerator = 'auto' } = options;
    if (!isAbsolute(stateDir)) throw new RangeError(`stateDir must be an absolute path, got ${stateDir}`);
    const command = options.command ?? 'qemu-system-x86_64';
    this.#context = { clock, logger, command, onStep: options.onStep ?? (() => undefined) };
    const limit = options.maxDownloadBytes === undefined ? {} : { maxBytes: options.maxDownloadBytes };
    const root = resolve(stateDir);
    const imageDir = join(root, 'images');
    this.#host = new HostFacts({ stateDir: root, accelerator, command, clock, logger });
    this.images = new ImageStore({ cacheDir: imageDir, logger, clock, ...limit });
    this.#table = new VmTable(join(root, 'vms'), this.#context, async () => (await this.accelerator()).name);
    this.#metadata = new VmMetadata(this.#table);
    const { random = systemRandom, onTrouble = () => undefined } = options;
    this.#room = new VmRoom(this.#table, { random, onTrouble });
    this.#launcher = new VmLauncher(
      this.#table,
      () => this.#host.traits(),
      (id, spec) => this.#attend(id, spec),
    );
    this.guest = new VmGuest(this.#table);
    this.#users = new LayerUsers(this.#table);
    this.#disks = new VmDisks(this.#table, this.#launcher, this.guest, this.#users);
    this.network = new VmNetwork(this.#table);
    this.snapshots = new VmSnapshots(this.#table, this.#disks);
    this.clones = new VmClones(this.#table, this.#disks, this.#users);
    this.resources = new VmResources(this.#table, this.#disks);
    this.revision = new VmRevision(this.#table, this.#disks);
    this.transfer = new VmTransfer(this.#table, this.#disks, this.#users, this.clones, imageDir);
  }

  /** Whether the programs are there; the reason names the Debian package that is missing. */
  async available(): Promise<Availability> {
    try {
      const { stdout } = await runTool(this.#context.command, ['--version']);
      await runTool('qemu-img', ['--version']);
      return { available: true, reason: stdout.split('\n')[0] ?? '' };
    } catch (error) {
      return { available: false, reason: messageOf(error) };
    }
  }

  /** Which accelerator machines get, and why. */
  accelerator(): Promise<Accelerator> {
    return this.#host.accelerator();
  }

  /** Generations of q35 hardware that machines may have, oldest first. */
  machineVersions(): Promise<readonly string[]> {
    this.#machineVersions ??= machineVersions(this.#context.command).catch((error: unknown) => {
      this.#machineVersions = undefined;
      throw error;
    });
    return this.#machineVersions;
  }

  /**
   * After a start of the agent: clears what a crash left half done and takes up machines whose process was started
   * but not noted. Ends a QEMU whose directory is gone. Call it before anything else.
   */
  async recover(): Promise<readonly VmStatus[]> {
    const { root } = this.#table;
    await sweep(root);
    await sweep(this.images.cacheDir);
    const ids = new Set(await listVmIds(root));
    for (const { id, pid } of await this.#table.processes()) {
      const identity = await identityOf(pid);
      if (!identity) continue;
      if (ids.has(id)) await this.#table.turn(id, (dir) => this.#table.adopt(dir, identity));
      else await terminate(identity, { clock: this.#context.clock, graceMs: 0 });
    }
    await sweepMacvtaps(root, ids);
    await Promise.all([...ids].map((id) => this.#settle(id)));
    return this.list();
  }

  /** Completes what we may have ended in the middle of. */
  async #settle(id: string): Promise<void> {
    const record = this.#table.dir(id).readRecord();
    if ((await record.catch(() => undefined))?.retired) return this.clones.release(id);
    await this.#table.turn(id, async (dir) => {
      await this.#disks.settle(dir).catch((error: unknown) => {
        this.#context.logger.error({ vm: id, reason: messageOf(error) }, 'Disks of a VM are not in order');
      });
      const vm = await this.#table.running(id).catch(() => undefined);
      if (!vm) return;
      await this.network.settle(vm);
      this.#attend(id, vm.record.spec);
      await this.resources.settle(vm);
      if (vm.run.paused) await this.#setPaused(vm, true);
    });
  }

  /** All machines, running or not, in order of id. */
  async list(): Promise<readonly VmStatus[]> {
    const all = await Promise.all((await listVmIds(this.#table.root)).map((id) => this.status(id)));
    return all.filter(({ state }) => state !== 'missing');
  }

  /**
   * Makes a machine, not running. Repeating it with the same spec completes what is missing and changes nothing
   * else; with another spec, also that of before a change, it is refused. To `adopt` is to make the image's own file, which
   * is gone then, the boot disk in place of a layer over it.
   */
  async create(spec: VmSpec, { adopt = false }: { readonly adopt?: boolean } = {}): Promise<VmStatus> {
    checkSpec(spec);
    return this.#table.turn(spec.id, async (dir) => {
      let record = await dir.readRecord();
      if (record?.retired) throw fail(qemuErrors.vmIdKept, { id: spec.id });
      if (record) this.#refuseOther(record.spec, spec);
      else {
        record = await this.#record(spec, adopt);
        await this.#context.onStep(spec.id, 'resolved');
        await dir.create(record, async (part) => {
          if (adopt) await adoptDisk(spec, part.disk('boot'));
        });
        this.#context.logger.info({ vm: spec.id, image: spec.image }, 'VM created');
      }
      await this.#context.onStep(spec.id, 'recorded');
      await prepareVm(this.#context, dir, record);
      if (record.adopted) await forgetAdopted(spec.image);
      return this.status(spec.id);
    });
  }

  /** Starts a machine that does not run; one that is paused goes on, and one that runs is left alone. */
  async start(id: string): Promise<VmStatus> {
    return this.#table.turn(id, async (dir) => {
      const record = await this.#disks.settle(dir);
      if ((await this.status(id)).state === 'running' || (await this.#table.adoptAny(dir))) {
        const vm = await this.#table.running(id);
        await this.network.settle(vm);
        this.#attend(id, vm.record.spec);
        await this.#setPaused(vm, false);
        return this.status(id);
      }
      // Only before the first start: a disk that disappears later is a loss to be reported, not an empty disk.
      if (!(await dir.readRun())) await prepareVm(this.#context, dir, record);
      await this.#launcher.start(dir, record);
      return this.status(id);
    });
  }

  /** What a running machine has of us while it runs. */
  #attend(id: string, spec: VmSpec): void {
    this.#metadata.serve(id, spec);
    this.#room.watch(id);
  }

  /** Makes the processors of a running machine stand still, or go on. In that state already: nothing. */
  async pause(id: string): Promise<VmStatus> {
    return this.#table.turn(id, async () => {
      await this.#setPaused(await this.#table.running(id), true);
      return this.status(id);
    });
  }

  async resume(id: string): Promise<VmStatus> {
    return this.#table.turn(id, async () => {
      await this.#setPaused(await this.#table.running(id), false);
      return this.status(id);
    });
  }

  async #setPaused({ dir, run, pid }: RunningVm, paused: boolean): Promise<void> {
    if (!paused && !run.paused) return;
    const { paused: _, ...rest } = run;
    await dir.writeRun({ ...rest, paused: true });
    await this.#table.withQmp(dir, pid, (qmp) => qmp.execute(paused ? 'stop' : 'cont'));
    if (!paused) await dir.writeRun(rest);
  }

  /** Stops a machine: guest agent, power button, `quit` after the grace period, then SIGKILL. Says what ended it. */
  async stop(id: string, options: StopOptions): Promise<StopMeans> {
    return this.#table.turn(id, async (dir) => {
      await this.#table.record(dir);
      const run = (await this.#table.adoptAny(dir)) ?? (await dir.readRun());
      if (!run) return 'gone';
      // One that stands still would not notice its power button.
      if (run.paused && options.graceMs > 0) {
        const vm = await this.#table.running(id).catch(() => undefined);
        if (vm) await this.#setPaused(vm, false);
      }
      const { paused: _, ...rest } = run;
      await dir.writeRun({ ...rest, stopRequested: true });
      const means = await stopVm(this.#context, dir, run.identity, options);
      this.#context.logger.info({ vm: id, from: 'running', to: 'stopped', means }, 'VM stopped');
      return means;
    });
  }

  /**
   * Ends the process and removes every file of the machine. Nothing there is success.
   * @throws diskInUse naming the linked clones that lie on its disks
   */
  async destroy(id: string): Promise<void> {
    const origin = await this.#table.turn(id, async (dir) => {
      const record = await dir.readRecord().catch(() => undefined);
      if (record?.retired) return undefined;
      await this.#users.requireUnused(id);
      const origin = record?.clone;
      await this.#table.killAll(id);
      await dir.remove();
      this.#context.logger.info({ vm: id, to: 'missing' }, 'VM destroyed');
      return origin;
    });
    if (origin?.kind === 'linked') await this.clones.release(origin.source);
  }

  /** As `destroy`, but never refused: when linked clones lie on its disks, its files stay until the last is gone. */
  async remove(id: string): Promise<void> {
    try {
      await this.destroy(id);
    } catch (error) {
      if (!isKind(error, qemuErrors.diskInUse)) throw error;
      await this.clones.retire(id);
    }
  }

  /** What a machine is and does now. Never throws for one whose record is broken: it is `failed`, and can be destroyed. */
  async status(id: string): Promise<VmStatus> {
    const status = await this.#table.status(id);
    const trouble = status.state === 'running' ? this.#room.troubleOf(id) : undefined;
    return { ...status, ...(trouble === undefined ? {} : { trouble }) };
  }

  /** Resolves when the machine does not run any more, with what became of it. */
  async waitForExit(id: string, signal?: AbortSignal): Promise<VmStatus> {
    const dir = this.#table.dir(id);
    const run = await dir.readRun();
    if (run) {
      while (!(await waitForExit(run.identity, this.#context.clock, 60_000, signal))) {
        signal?.throwIfAborted();
      }
    }
    return this.status(id);
  }

  /** What a running machine uses. @throws vmNotRunning */
  stats(id: string): Promise<VmStats> {
    return statsOf(this.#table, id);
  }

  /** The end of what the guest wrote to its serial console in this run. */
  async consoleTail(id: string, bytes = 64 * 1024): Promise<string> {
    return readTail(this.#table.dir(id).consoleLog, bytes);
  }

  /** Socket of the guest's serial console, both ways; one client at a time. */
  async consoleSocket(id: string): Promise<string> {
    const { pid } = await this.#table.running(id);
    return this.#table.dir(id).socket(CONSOLE_SOCKET, pid);
  }

  /** Socket of the machine's screen, for a VncGateway. @throws noDisplay, vmNotRunning */
  async vncSocket(id: string): Promise<string> {
    const { pid, record, dir } = await this.#table.running(id);
    if (record.spec.display === undefined) throw fail(qemuErrors.noDisplay, { id });
    return dir.socket(VNC_SOCKET, pid);
  }

  /** A QMP connection apart from the engine's own, one at a time. The caller closes it. */
  async monitor(id: string): Promise<QmpClient> {
    const { pid } = await this.#table.running(id);
    const path = this.#table.dir(id).socket(MONITOR_SOCKET, pid);
    return QmpClient.connect({ path, clock: this.#context.clock });
  }

  /** Waits for calls under way. Machines run on. */
  async close(): Promise<void> {
    await this.#table.idle();
    await Promise.all([this.#metadata.stop(), this.#room.stop()]);
  }

  async #record(spec: VmSpec, adopt: boolean): Promise<VmRecord> {
    const image = await this.#imageOf(spec, adopt);
    const extraBases: Record<string, BaseImage> = {};
    for (const disk of spec.extraDisks ?? []) {
      if (disk.image !== undefined) extraBases[disk.name] = await this.images.resolve(disk.image);
    }
    return { version: 2, spec, ...image, extraBases };
  }

  async #imageOf({ image }: VmSpec, adopt: boolean): Promise<Pick<VmRecord, 'base' | 'adopted'>> {
    if (image === '') return {};
    const base = await this.images.resolve(image);
    return adopt ? { adopted: true } : { base };
  }

  #refuseOther(have: VmSpec, want: VmSpec): void {
    const plain = JSON.parse(JSON.stringify(want)) as VmSpec;
    const fields = new Set([...Object.keys(have), ...Object.keys(plain)]) as Set<keyof VmSpec>;
    for (const field of fields) {
      if (!isDeepStrictEqual(have[field], plain[field]))
        throw fail(qemuErrors.vmExists, { id: want.id, field });
    }
  }
}
