import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fail, KeyedTurns, messageOf } from '@edgeplane/base';
import {
  identityOf,
  listCommandLines,
  type ProcessExit,
  type ProcessIdentity,
  terminate,
} from '../process/index.js';
import { qemuErrors } from './errors.js';
import type { AcceleratorName } from './machine-args.js';
import { removeMacvtaps } from './macvtap.js';
import { QmpClient } from './qmp.js';
import { checkId, type VmSpec } from './spec.js';
import { isQemuOf, outcomeOf, type VmContext, type VmState } from './vm.js';
import { QMP_SOCKET, type RunRecord, VmDir } from './vm-dir.js';
import type { VmRecord } from './vm-record.js';

export interface VmStatus {
  readonly id: string;
  readonly state: VmState;
  /** Absent when the machine is missing, or its record cannot be read. */
  readonly spec?: VmSpec;
  readonly pid?: number;
  /** Its processors stand still; memory and devices are kept. */
  readonly paused?: true;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly accelerator?: AcceleratorName;
  /** Why it does not run. */
  readonly reason?: string;
  /** Why its guest stands still although nobody wanted that. */
  readonly trouble?: string;
}

/** A machine whose process runs. */
export interface RunningVm {
  readonly dir: VmDir;
  readonly record: VmRecord;
  readonly run: RunRecord;
  readonly pid: number;
}

/**
 * The machines of one directory and the processes that run them. The directory and the process table are the truth;
 * every question is answered from them. Whoever changes a machine does so within {@link turn}.
 */
export class VmTable {
  readonly root: string;
  readonly context: VmContext;
  readonly #accelerator: () => Promise<AcceleratorName>;
  readonly #turns = new KeyedTurns();
  /** How our own children ended; an adopted process tells nobody. */
  readonly #exits = new Map<string, { identity: ProcessIdentity; exit: ProcessExit }>();

  constructor(root: string, context: VmContext, accelerator: () => Promise<AcceleratorName>) {
    this.root = root;
    this.context = context;
    this.#accelerator = accelerator;
  }

  /** Runs `work` when no other call changes the machine. @throws vmSpecInvalid for an id that is none */
  async turn<T>(id: string, work: (dir: VmDir) => Promise<T>): Promise<T> {
    const dir = this.dir(id);
    return this.#turns.run(id, () => work(dir));
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  dir(id: string): VmDir {
    checkId(id);
    return new VmDir(join(this.root, id));
  }

  /** @throws vmNotFound */
  async record(dir: VmDir): Promise<VmRecord> {
    const record = await dir.readRecord();
    if (!record || record.retired) throw fail(qemuErrors.vmNotFound, { id: dir.id });
    return record;
  }

  /** What a machine is and does now. Never throws for one whose record is broken: it is `failed`, and can be destroyed. */
  async status(id: string): Promise<VmStatus> {
    const dir = this.dir(id);
    try {
      const record = await dir.readRecord();
      if (!record || record.retired) return { id, state: 'missing' };
      const run = await dir.readRun();
      const known = this.#exits.get(id);
      const exit = run && known && isDeepStrictEqual(known.identity, run.identity) ? known.exit : undefined;
      const outcome = await outcomeOf(dir, run, exit);
      const { spec } = record;
      if (!run) return { id, spec, ...outcome };
      const { startedAt, accelerator, identity, paused } = run;
      const live = outcome.state === 'running' ? { pid: identity.pid, ...(paused ? { paused } : {}) } : {};
      return { id, spec, ...outcome, ...live, startedAt, accelerator };
    } catch (error) {
      return { id, state: 'failed', reason: messageOf(error) };
    }
  }

  /** @throws vmNotFound, vmNotRunning */
  async running(id: string): Promise<RunningVm> {
    const dir = this.dir(id);
    const record = await this.record(dir);
    const run = await dir.readRun();
    if (!run || (await outcomeOf(dir, run)).state !== 'running') throw fail(qemuErrors.vmNotRunning, { id });
    return { dir, record, run, pid: run.identity.pid };
  }

  /** Talks to a running machine over the engine's own socket, which serves one at a time: only within its turn. */
  async withQmp<T>(dir: VmDir, pid: number, work: (qmp: QmpClient) => Promise<T>): Promise<T> {
    const qmp = await QmpClient.connect({ path: dir.socket(QMP_SOCKET, pid), clock: this.context.clock });
    try {
      return await work(qmp);
    } finally {
      qmp.close();
    }
  }

  /** QEMU processes of our machines, by the pid file on their command line. */
  async processes(only?: string): Promise<readonly { id: string; pid: number }[]> {
    const found: { id: string; pid: number }[] = [];
    for (const { pid, args } of await listCommandLines()) {
      const file = args[args.indexOf('-pidfile') + 1] ?? '';
      if (!file.startsWith(`${this.root}/`)) continue;
      const id = file.slice(this.root.length + 1).split('/')[0] ?? '';
      const wanted = only === undefined || id === only;
      if (wanted && isQemuOf(args, join(this.root, id, 'qemu.pid'))) found.push({ id, pid });
    }
    return found;
  }

  /** Ends every process of the machine at once. */
  async killAll(id: string): Promise<void> {
    for (const { pid } of await this.processes(id)) {
      const identity = await identityOf(pid);
      if (identity) await terminate(identity, { clock: this.context.clock, graceMs: 0 });
    }
    await removeMacvtaps(this.root, id);
    this.#exits.delete(id);
  }

  /** Remembers how a process that we started ends. */
  watch(id: string, identity: ProcessIdentity, exited: Promise<ProcessExit>): void {
    void exited.then((exit) => this.#exits.set(id, { identity, exit }));
  }

  /** Finds a process of this machine that its record does not name: we ended between starting and noting it. */
  async adoptAny(dir: VmDir): Promise<RunRecord | undefined> {
    const process = (await this.processes(dir.id))[0];
    const identity = process && (await identityOf(process.pid));
    return identity && this.adopt(dir, identity);
  }

  /** Takes up a process that runs this machine; one that is noted already is left as it is. */
  async adopt(dir: VmDir, identity: ProcessIdentity): Promise<RunRecord> {
    const known = await dir.readRun().catch(() => undefined);
    if (known && isDeepStrictEqual(known.identity, identity)) return known;
    const run: RunRecord = {
      identity,
      startedAt: this.context.clock.now(),
      accelerator: await this.#accelerator(),
      stopRequested: false,
    };
    await dir.writeRun(run);
    this.context.logger.info({ vm: dir.id, pid: identity.pid }, 'VM process taken up');
    return run;
  }
}
