import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import { type ProcessIdentity, toIdentity } from '../process/index.js';
import { type DiskArg, SOCKET_PATH_MAX, type VmPaths } from './args.js';
import { qemuErrors } from './errors.js';
import { readIfThere, syncDirectory, temporaryName, writeJson } from './files.js';
import type { AcceleratorName } from './machine-args.js';
import type { VmSpec } from './spec.js';
import { type VmRecord, vmRecordOf } from './vm-record.js';

/** The last start of a machine. */
export interface RunRecord {
  readonly identity: ProcessIdentity;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly accelerator: AcceleratorName;
  /** Set before we stop it, so that its end is known to be wanted. */
  readonly stopRequested: boolean;
  /** Set before we stop its processors, and cleared after they go on. */
  readonly paused?: true;
}

/** Names that begin with a dot are machines half made or half removed; nobody but recovery looks at them. */
const HIDDEN = '.';

/** The files of one machine. Knows names and formats, decides nothing. */
export class VmDir {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get id(): string {
    return basename(this.path);
  }

  /** Given to QEMU as an absolute path: it marks the process as this machine's. */
  get pidFile(): string {
    return join(this.path, 'qemu.pid');
  }

  get log(): string {
    return join(this.path, 'qemu.log');
  }

  get consoleLog(): string {
    return join(this.path, 'console.log');
  }

  get seed(): string {
    return join(this.path, 'seed.img');
  }

  disk(name: string): string {
    return join(this.path, `${name}.qcow2`);
  }

  /**
   * Path for connecting to a socket of the machine. QEMU makes it by a name relative to its working directory, which
   * is this one; when the full path is too long for an address, the kernel's link to that directory is short.
   */
  socket(name: SocketName, pid: number): string {
    const path = join(this.path, name);
    return Buffer.byteLength(path) <= SOCKET_PATH_MAX ? path : `/proc/${pid}/cwd/${name}`;
  }

  paths(spec: VmSpec): VmPaths {
    const writable = (name: string, readOnly: boolean): DiskArg => ({
      nodeName: `disk-${name}`,
      path: this.disk(name),
      format: 'qcow2',
      readOnly,
      serial: name,
    });
    const seed: DiskArg = {
      nodeName: 'seed',
      path: this.seed,
      format: 'raw',
      readOnly: true,
      serial: 'cidata',
    };
    return {
      pidFile: this.pidFile,
      qmpSockets: [QMP_SOCKET, MONITOR_SOCKET],
      consoleSocket: CONSOLE_SOCKET,
      consoleLog: this.consoleLog,
      disks: [
        writable('boot', false),
        ...(spec.extraDisks ?? []).map((disk) => writable(diskFile(disk.name), disk.readOnly ?? false)),
        ...(spec.cloudInit ? [seed] : []),
      ],
    };
  }

  /** Makes the directory together with its record: there is none without. */
  async create(record: VmRecord): Promise<void> {
    const parent = dirname(this.path);
    await mkdir(parent, { recursive: true });
    const part = hiddenName(this.path);
    await mkdir(part, { mode: 0o750 });
    await writeJson(join(part, 'vm.json'), record);
    await rename(part, this.path);
    await syncDirectory(parent);
  }

  async readRecord(): Promise<VmRecord | undefined> {
    const path = join(this.path, 'vm.json');
    const value = await readRecordFile(this.id, path);
    if (value === undefined) return undefined;
    const record = vmRecordOf(value, this.id);
    if (record) return record;
    throw fail(qemuErrors.vmRecordBroken, { id: this.id, path, reason: 'it is not a VM record' });
  }

  writeRecord(record: VmRecord): Promise<void> {
    return writeJson(join(this.path, 'vm.json'), record);
  }

  async readRun(): Promise<RunRecord | undefined> {
    const value = (await readRecordFile(this.id, join(this.path, 'run.json'))) as RunRecord | undefined;
    return value && toIdentity(value.identity) ? value : undefined;
  }

  writeRun(run: RunRecord): Promise<void> {
    return writeJson(join(this.path, 'run.json'), run);
  }

  /** Keeps the output of the run before under `.1`, and removes what a killed QEMU left. */
  async rotate(): Promise<void> {
    for (const path of [this.log, this.consoleLog]) {
      await rename(path, `${path}.1`).catch(ignoreMissing);
    }
    for (const name of [QMP_SOCKET, MONITOR_SOCKET, CONSOLE_SOCKET, 'qemu.pid']) {
      await rm(join(this.path, name), { force: true });
    }
  }

  /** Out of sight at once, then out of existence: a crash between leaves a hidden name for {@link sweep}. */
  async remove(): Promise<void> {
    const gone = hiddenName(this.path);
    try {
      await rename(this.path, gone);
    } catch (error) {
      ignoreMissing(error);
      return;
    }
    await syncDirectory(dirname(this.path));
    await rm(gone, { recursive: true, force: true });
  }
}

export const QMP_SOCKET = 'qmp.sock';
export const MONITOR_SOCKET = 'monitor.sock';
export const CONSOLE_SOCKET = 'console.sock';
export type SocketName = typeof QMP_SOCKET | typeof MONITOR_SOCKET | typeof CONSOLE_SOCKET;

/** Extra disks have a name of their own kind, so that none can be called as the boot disk is. */
export function diskFile(name: string): string {
  return `data-${name}`;
}

/** Ids of all machines under `root`, in order. */
export async function listVmIds(root: string): Promise<string[]> {
  const names = await readdir(root).catch((error: unknown) => {
    ignoreMissing(error);
    return [];
  });
  return names.filter((name) => !name.startsWith(HIDDEN)).sort();
}

/** Removes what crashed creations, removals and file replacements left behind; call it before anything runs. */
export async function sweep(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true }).catch(() => [])) {
    const name = basename(entry);
    if ((name.startsWith(HIDDEN) && dirname(entry) === '.') || name.endsWith('.part')) {
      await rm(join(root, entry), { recursive: true, force: true });
    }
  }
}

function hiddenName(path: string): string {
  return join(dirname(path), `${HIDDEN}${basename(temporaryName(path))}`);
}

async function readRecordFile(id: string, path: string): Promise<unknown> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail(qemuErrors.vmRecordBroken, { id, path, reason: messageOf(error) }, { cause: error });
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
