import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import {
  identityOf,
  readProcessorKhz,
  readProcStat,
  readResidentBytes,
  TICKS_PER_SECOND,
  terminate,
  waitForExit,
} from '../process/index.js';
import { type Accelerator, probeAccelerator } from './accelerator.js';
import { type BlockUse, sumBlocks } from './block-use.js';
import { qemuErrors } from './errors.js';
import { readTail } from './files.js';
import { type BaseImage, ImageStore } from './images.js';
import type { AcceleratorName, HostTraits } from './machine-args.js';
import { QmpClient } from './qmp.js';
import { checkSpec, type VmSpec } from './spec.js';
import { runTool } from './tools.js';
import { prepareVm, type StopMeans, startVm, stopVm, type VmContext, type VmStep } from './vm.js';
import { CONSOLE_SOCKET, listVmIds, MONITOR_SOCKET, sweep } from './vm-dir.js';
import { VmNetwork } from './vm-network.js';
import type { VmRecord } from './vm-record.js';
import { type RunningVm, type VmStatus, VmTable } from './vm-table.js';

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
  /** Called at each step of create and start; a test may end the process in it. */
  readonly onStep?: (id: string, step: VmStep) => void | Promise<void>;
}

export interface VmStats {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** What the machine was given. */
  readonly memoryLimitBytes: number;
  /** Room that the machine's own boot disk takes on the host. */
  readonly diskBytes: number;
  /** Of all its disks, since QEMU was started; undefined when its monitor does not answer. */
  readonly blocks: BlockUse | undefined;
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
  readonly #options: QemuEngineOptions;
  readonly #context: VmContext;
  readonly #images: ImageStore;
  readonly #table: VmTable;
  readonly network: VmNetwork;
  #accelerator: Promise<Accelerator> | undefined;

  constructor(options: QemuEngineOptions) {
    const { stateDir, clock, logger } = options;
    if (!isAbsolute(stateDir)) throw new RangeError(`stateDir must be an absolute path, got ${stateDir}`);
    const command = options.command ?? 'qemu-system-x86_64';
    this.#options = options;
    this.#context = { clock, logger, command, onStep: options.onStep ?? (() => undefined) };
    const limit = options.maxDownloadBytes === undefined ? {} : { maxBytes: options.maxDownloadBytes };
    this.#images = new ImageStore({ cacheDir: join(resolve(stateDir), 'images'), logger, ...limit });
    const accelerator = async () => (await this.accelerator()).name;
    this.#table = new VmTable(join(resolve(stateDir), 'vms'), this.#context, accelerator);
    this.network = new VmNetwork(this.#table);
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
    this.#accelerator ??= this.#chooseAccelerator().catch((error: unknown) => {
      this.#accelerator = undefined;
      throw error;
    });
    return this.#accelerator;
  }

  async #chooseAccelerator(): Promise<Accelerator> {
    const { accelerator = 'auto', clock, logger } = this.#options;
    if (accelerator !== 'auto') return { name: accelerator, reason: 'configured' };
    const stateFile = join(resolve(this.#options.stateDir), 'accelerator.json');
    return probeAccelerator({ clock, logger, stateFile, command: this.#context.command });
  }

  /**
   * After a start of the agent: clears what a crash left half done and takes up machines whose process was started
   * but not noted. Ends a QEMU whose directory is gone. Call it before anything else.
   */
  async recover(): Promise<readonly VmStatus[]> {
    const { root } = this.#table;
    await sweep(root);
    const ids = new Set(await listVmIds(root));
    for (const { id, pid } of await this.#table.processes()) {
      const identity = await identityOf(pid);
      if (!identity) continue;
      if (ids.has(id)) await this.#table.turn(id, (dir) => this.#table.adopt(dir, identity));
      else await terminate(identity, { clock: this.#context.clock, graceMs: 0 });
    }
    await Promise.all([...ids].map((id) => this.#settle(id)));
    return this.list();
  }

  /** Completes, on a machine that runs, what we may have ended in the middle of. */
  async #settle(id: string): Promise<void> {
    await this.#table.turn(id, async () => {
      const vm = await this.#table.running(id).catch(() => undefined);
      if (!vm) return;
      await this.network.settle(vm);
      if (vm.run.paused) await this.#setPaused(vm, true);
    });
  }

  /** All machines, running or not, in order of id. */
  async list(): Promise<readonly VmStatus[]> {
    return Promise.all((await listVmIds(this.#table.root)).map((id) => this.status(id)));
  }

  /**
   * Makes a machine, not running. Repeating it with the same spec completes what is missing and changes nothing
   * else; with another spec it is refused.
   */
  async create(spec: VmSpec): Promise<VmStatus> {
    checkSpec(spec);
    return this.#table.turn(spec.id, async (dir) => {
      let record = await dir.readRecord();
      if (record) this.#refuseOther(record.spec, spec);
      else {
        record = await this.#record(spec);
        await this.#context.onStep(spec.id, 'resolved');
        await dir.create(record);
        this.#context.logger.info({ vm: spec.id, image: record.base.path }, 'VM created');
      }
      await this.#context.onStep(spec.id, 'recorded');
      await prepareVm(this.#context, dir, record);
      return this.status(spec.id);
    });
  }

  /** Starts a machine that does not run; one that is paused goes on, and one that runs is left alone. */
  async start(id: string): Promise<VmStatus> {
    return this.#table.turn(id, async (dir) => {
      const record = await this.#table.record(dir);
      if ((await this.status(id)).state === 'running' || (await this.#table.adoptAny(dir))) {
        const vm = await this.#table.running(id);
        await this.network.settle(vm);
        await this.#setPaused(vm, false);
        return this.status(id);
      }
      // Only before the first start: a disk that disappears later is a loss to be reported, not an empty disk.
      if (!(await dir.readRun())) await prepareVm(this.#context, dir, record);
      const host = await this.#hostTraits();
      const { run, exited } = await startVm(this.#context, dir, record, host);
      this.#table.watch(id, run.identity, exited);
      this.#context.logger.info(
        { vm: id, from: 'stopped', to: 'running', pid: run.identity.pid, accelerator: host.accelerator },
        'VM started',
      );
      return this.status(id);
    });
  }

  async #hostTraits(): Promise<HostTraits> {
    const { name } = await this.accelerator();
    const processorKhz = await readProcessorKhz();
    return { accelerator: name, ...(processorKhz === undefined ? {} : { processorKhz }) };
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

  /** Stops a machine: power button, `quit` after the grace period, then SIGKILL. Says what ended it. */
  async stop(id: string, options: { readonly graceMs: number }): Promise<StopMeans> {
    return this.#table.turn(id, async (dir) => {
      await this.#table.record(dir);
      const run = (await this.#table.adoptAny(dir)) ?? (await dir.readRun());
      if (!run) return 'gone';
      await dir.writeRun({ ...run, stopRequested: true });
      const means = await stopVm(this.#context, dir, run.identity, options.graceMs);
      this.#context.logger.info({ vm: id, from: 'running', to: 'stopped', means }, 'VM stopped');
      return means;
    });
  }

  /** Ends the process and removes every file of the machine. Nothing there is success. */
  async destroy(id: string): Promise<void> {
    return this.#table.turn(id, async (dir) => {
      await this.#table.killAll(id);
      await dir.remove();
      this.#context.logger.info({ vm: id, to: 'missing' }, 'VM destroyed');
    });
  }

  /** What a machine is and does now. Never throws for one whose record is broken: it is `failed`, and can be destroyed. */
  status(id: string): Promise<VmStatus> {
    return this.#table.status(id);
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

  async stats(id: string): Promise<VmStats> {
    const { pid, record } = await this.#table.running(id);
    const [proc, residentBytes, disk, blocks] = await Promise.all([
      readProcStat(pid),
      readResidentBytes(pid),
      stat(this.#table.dir(id).disk('boot')),
      this.#blocks(id).catch((error: unknown) => {
        this.#context.logger.debug({ vm: id, reason: messageOf(error) }, 'No figures of its disks');
        return undefined;
      }),
    ]);
    // st_blocks counts 512-byte units whatever the file system's block size is.
    return {
      cpuSeconds: (proc?.cpuTicks ?? 0) / TICKS_PER_SECOND,
      residentBytes,
      memoryLimitBytes: record.spec.memoryMib * 1024 ** 2,
      diskBytes: disk.blocks * 512,
      blocks,
    };
  }

  /** In turn with whoever else uses the monitor for one machine, as it serves one client at a time. */
  #blocks(id: string): Promise<BlockUse> {
    return this.#table.turn(id, async () => {
      const monitor = await this.monitor(id);
      try {
        return sumBlocks(await monitor.execute('query-blockstats'));
      } finally {
        monitor.close();
      }
    });
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

  /** A QMP connection apart from the engine's own, one at a time. The caller closes it. */
  async monitor(id: string): Promise<QmpClient> {
    const { pid } = await this.#table.running(id);
    return QmpClient.connect({
      path: this.#table.dir(id).socket(MONITOR_SOCKET, pid),
      clock: this.#context.clock,
    });
  }

  /** Waits for calls under way. Machines run on. */
  close(): Promise<void> {
    return this.#table.idle();
  }

  async #record(spec: VmSpec): Promise<VmRecord> {
    const base = await this.#images.resolve(spec.image);
    const extraBases: Record<string, BaseImage> = {};
    for (const disk of spec.extraDisks ?? []) {
      if (disk.image !== undefined) extraBases[disk.name] = await this.#images.resolve(disk.image);
    }
    return { version: 2, spec, base, extraBases };
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
