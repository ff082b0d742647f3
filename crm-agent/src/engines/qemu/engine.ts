import { stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, fail, type Logger, messageOf } from '@edgeplane/base';
import {
  identityOf,
  listCommandLines,
  type ProcessExit,
  type ProcessIdentity,
  readProcStat,
  readResidentBytes,
  TICKS_PER_SECOND,
  terminate,
  waitForExit,
} from '../process/index.js';
import { type Accelerator, probeAccelerator } from './accelerator.js';
import type { AcceleratorName } from './args.js';
import { type BlockUse, sumBlocks } from './block-use.js';
import { qemuErrors } from './errors.js';
import { readTail } from './files.js';
import { type BaseImage, ImageStore } from './images.js';
import { QmpClient } from './qmp.js';
import { checkId, checkSpec, type VmSpec } from './spec.js';
import { runTool } from './tools.js';
import { Turns } from './turns.js';
import {
  isQemuOf,
  outcomeOf,
  prepareVm,
  type StopMeans,
  startVm,
  stopVm,
  type VmContext,
  type VmState,
  type VmStep,
} from './vm.js';
import {
  CONSOLE_SOCKET,
  listVmIds,
  MONITOR_SOCKET,
  type RunRecord,
  sweep,
  VmDir,
  type VmRecord,
} from './vm-dir.js';

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

export interface VmStatus {
  readonly id: string;
  readonly state: VmState;
  /** Absent when the machine is missing, or its record cannot be read. */
  readonly spec?: VmSpec;
  readonly pid?: number;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly accelerator?: AcceleratorName;
  /** Why it does not run. */
  readonly reason?: string;
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
  readonly #root: string;
  readonly #turns = new Turns();
  /** How our own children ended; an adopted process tells nobody. */
  readonly #exits = new Map<string, { identity: ProcessIdentity; exit: ProcessExit }>();
  #accelerator: Promise<Accelerator> | undefined;

  constructor(options: QemuEngineOptions) {
    const { stateDir, clock, logger } = options;
    if (!isAbsolute(stateDir)) throw new RangeError(`stateDir must be an absolute path, got ${stateDir}`);
    const command = options.command ?? 'qemu-system-x86_64';
    this.#options = options;
    this.#root = join(resolve(stateDir), 'vms');
    this.#context = { clock, logger, command, onStep: options.onStep ?? (() => undefined) };
    const limit = options.maxDownloadBytes === undefined ? {} : { maxBytes: options.maxDownloadBytes };
    this.#images = new ImageStore({ cacheDir: join(resolve(stateDir), 'images'), logger, ...limit });
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
    await sweep(this.#root);
    const ids = new Set(await listVmIds(this.#root));
    for (const { id, pid } of await this.#processes()) {
      const identity = await identityOf(pid);
      if (!identity) continue;
      if (ids.has(id)) await this.#turns.run(id, () => this.#adopt(this.#dir(id), identity));
      else await terminate(identity, { clock: this.#context.clock, graceMs: 0 });
    }
    return this.list();
  }

  /** All machines, running or not, in order of id. */
  async list(): Promise<readonly VmStatus[]> {
    return Promise.all((await listVmIds(this.#root)).map((id) => this.status(id)));
  }

  /**
   * Makes a machine, not running. Repeating it with the same spec completes what is missing and changes nothing
   * else; with another spec it is refused.
   */
  async create(spec: VmSpec): Promise<VmStatus> {
    checkSpec(spec);
    return this.#turns.run(spec.id, async () => {
      const dir = this.#dir(spec.id);
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

  /** Starts a machine that does not run; one that does is left alone. */
  async start(id: string): Promise<VmStatus> {
    checkId(id);
    return this.#turns.run(id, async () => {
      const dir = this.#dir(id);
      const record = await this.#existing(dir);
      if ((await this.status(id)).state === 'running' || (await this.#adoptAny(dir))) return this.status(id);
      // Only before the first start: a disk that disappears later is a loss to be reported, not an empty disk.
      if (!(await dir.readRun())) await prepareVm(this.#context, dir, record);
      const { name } = await this.accelerator();
      const { run, exited } = await startVm(this.#context, dir, record, name);
      void exited.then((exit) => this.#exits.set(id, { identity: run.identity, exit }));
      this.#context.logger.info(
        { vm: id, from: 'stopped', to: 'running', pid: run.identity.pid, accelerator: name },
        'VM started',
      );
      return this.status(id);
    });
  }

  /** Stops a machine: power button, `quit` after the grace period, then SIGKILL. Says what ended it. */
  async stop(id: string, options: { readonly graceMs: number }): Promise<StopMeans> {
    checkId(id);
    return this.#turns.run(id, async () => {
      const dir = this.#dir(id);
      await this.#existing(dir);
      const run = (await this.#adoptAny(dir)) ?? (await dir.readRun());
      if (!run) return 'gone';
      await dir.writeRun({ ...run, stopRequested: true });
      const means = await stopVm(this.#context, dir, run.identity, options.graceMs);
      this.#context.logger.info({ vm: id, from: 'running', to: 'stopped', means }, 'VM stopped');
      return means;
    });
  }

  /** Ends the process and removes every file of the machine. Nothing there is success. */
  async destroy(id: string): Promise<void> {
    checkId(id);
    return this.#turns.run(id, async () => {
      const dir = this.#dir(id);
      for (const process of await this.#processes(id)) {
        const identity = await identityOf(process.pid);
        if (identity) await terminate(identity, { clock: this.#context.clock, graceMs: 0 });
      }
      await dir.remove();
      this.#exits.delete(id);
      this.#context.logger.info({ vm: id, to: 'missing' }, 'VM destroyed');
    });
  }

  /** What a machine is and does now. Never throws for one whose record is broken: it is `failed`, and can be destroyed. */
  async status(id: string): Promise<VmStatus> {
    const dir = this.#dir(id);
    try {
      const record = await dir.readRecord();
      if (!record) return { id, state: 'missing' };
      const run = await dir.readRun();
      const known = this.#exits.get(id);
      const exit = run && known && isDeepStrictEqual(known.identity, run.identity) ? known.exit : undefined;
      const outcome = await outcomeOf(dir, run, exit);
      const { spec } = record;
      if (!run) return { id, spec, ...outcome };
      const { startedAt, accelerator, identity } = run;
      const pid = outcome.state === 'running' ? { pid: identity.pid } : {};
      return { id, spec, ...outcome, ...pid, startedAt, accelerator };
    } catch (error) {
      return { id, state: 'failed', reason: messageOf(error) };
    }
  }

  /** Resolves when the machine does not run any more, with what became of it. */
  async waitForExit(id: string, signal?: AbortSignal): Promise<VmStatus> {
    const dir = this.#dir(id);
    const run = await dir.readRun();
    if (run) {
      while (!(await waitForExit(run.identity, this.#context.clock, 60_000, signal))) {
        signal?.throwIfAborted();
      }
    }
    return this.status(id);
  }

  async stats(id: string): Promise<VmStats> {
    const { pid, spec } = await this.#running(id);
    const [proc, residentBytes, disk, blocks] = await Promise.all([
      readProcStat(pid),
      readResidentBytes(pid),
      stat(this.#dir(id).disk('boot')),
      this.#blocks(id).catch((error: unknown) => {
        this.#context.logger.debug({ vm: id, reason: messageOf(error) }, 'No figures of its disks');
        return undefined;
      }),
    ]);
    // st_blocks counts 512-byte units whatever the file system's block size is.
    return {
      cpuSeconds: (proc?.cpuTicks ?? 0) / TICKS_PER_SECOND,
      residentBytes,
      memoryLimitBytes: (spec?.memoryMib ?? 0) * 1024 ** 2,
      diskBytes: disk.blocks * 512,
      blocks,
    };
  }

  /** In turn with whoever else uses the monitor for one machine, as it serves one client at a time. */
  #blocks(id: string): Promise<BlockUse> {
    return this.#turns.run(id, async () => {
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
    return readTail(this.#dir(id).consoleLog, bytes);
  }

  /** Socket of the guest's serial console, both ways; one client at a time. */
  async consoleSocket(id: string): Promise<string> {
    const { pid } = await this.#running(id);
    return this.#dir(id).socket(CONSOLE_SOCKET, pid);
  }

  /** A QMP connection apart from the engine's own, one at a time. The caller closes it. */
  async monitor(id: string): Promise<QmpClient> {
    const { pid } = await this.#running(id);
    return QmpClient.connect({ path: this.#dir(id).socket(MONITOR_SOCKET, pid), clock: this.#context.clock });
  }

  /** Waits for calls under way. Machines run on. */
  close(): Promise<void> {
    return this.#turns.idle();
  }

  #dir(id: string): VmDir {
    checkId(id);
    return new VmDir(join(this.#root, id));
  }

  async #record(spec: VmSpec): Promise<VmRecord> {
    const base = await this.#images.resolve(spec.image);
    const extraBases: Record<string, BaseImage> = {};
    for (const disk of spec.extraDisks ?? []) {
      if (disk.image !== undefined) extraBases[disk.name] = await this.#images.resolve(disk.image);
    }
    return { version: 1, spec, base, extraBases };
  }

  #refuseOther(have: VmSpec, want: VmSpec): void {
    const plain = JSON.parse(JSON.stringify(want)) as VmSpec;
    const fields = new Set([...Object.keys(have), ...Object.keys(plain)]) as Set<keyof VmSpec>;
    for (const field of fields) {
      if (!isDeepStrictEqual(have[field], plain[field]))
        throw fail(qemuErrors.vmExists, { id: want.id, field });
    }
  }

  async #existing(dir: VmDir): Promise<VmRecord> {
    const record = await dir.readRecord();
    if (!record) throw fail(qemuErrors.vmNotFound, { id: dir.id });
    return record;
  }

  async #running(id: string): Promise<{ pid: number; spec: VmSpec | undefined }> {
    const { state, pid, spec } = await this.status(id);
    if (state === 'missing') throw fail(qemuErrors.vmNotFound, { id });
    if (pid === undefined) throw fail(qemuErrors.vmNotRunning, { id });
    return { pid, spec };
  }

  /** QEMU processes of our machines, by the pid file on their command line. */
  async #processes(only?: string): Promise<{ id: string; pid: number }[]> {
    const found: { id: string; pid: number }[] = [];
    for (const { pid, args } of await listCommandLines()) {
      const file = args[args.indexOf('-pidfile') + 1] ?? '';
      if (!file.startsWith(`${this.#root}/`)) continue;
      const id = file.slice(this.#root.length + 1).split('/')[0] ?? '';
      const wanted = only === undefined || id === only;
      if (wanted && isQemuOf(args, join(this.#root, id, 'qemu.pid'))) found.push({ id, pid });
    }
    return found;
  }

  /** Finds a process of this machine that its record does not name: we ended between starting and noting it. */
  async #adoptAny(dir: VmDir): Promise<RunRecord | undefined> {
    const process = (await this.#processes(dir.id))[0];
    const identity = process && (await identityOf(process.pid));
    return identity && this.#adopt(dir, identity);
  }

  async #adopt(dir: VmDir, identity: ProcessIdentity): Promise<RunRecord> {
    const known = await dir.readRun().catch(() => undefined);
    if (known && isDeepStrictEqual(known.identity, identity)) return known;
    const { name } = await this.accelerator();
    const run: RunRecord = {
      identity,
      startedAt: this.#context.clock.now(),
      accelerator: name,
      stopRequested: false,
    };
    await dir.writeRun(run);
    this.#context.logger.info({ vm: dir.id, pid: identity.pid }, 'VM process taken up');
    return run;
  }
}
