import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail, messageOf } from '@edgeplane/base';
import { type ProcessIdentity, toIdentity } from '../process/index.js';
import type { VmPaths } from './args.js';
import type { DiskArg, LayerArg } from './disk-args.js';
import { qemuErrors } from './errors.js';
import { readIfThere, syncDirectory, temporaryName, writeJson } from './files.js';
import { allLayers, baseOf, chainOf, diskFile, headOf } from './layers.js';
import type { AcceleratorName } from './machine-args.js';
import { SOCKET_PATH_MAX } from './socket-path.js';
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

  /** File of a layer, or of a disk that has only one. */
  disk(layer: string): string {
    return join(this.path, `${layer}.qcow2`);
  }

  /** File of a snapshot's memory. */
  memory(name: string): string {
    return join(this.path, `${name}.memory`);
  }

  /**
   * Path for connecting to a socket of the machine. QEMU makes it by a name relative to its working directory, which
   * is this one; when the full path is too long for an address, the kernel's link to that directory is short.
   */
  socket(name: SocketName, pid: number): string {
    const path = join(this.path, name);
    return Buffer.byteLength(path) <= SOCKET_PATH_MAX ? path : `/proc/${pid}/cwd/${name}`;
  }

  paths(record: VmRecord): VmPaths {
    const { spec } = record;
    const disk = (name: string, readOnly: boolean): DiskArg => ({
      layers: this.layersOf(record, name),
      readOnly,
      serial: name,
    });
    const seed: DiskArg = {
      layers: [{ nodeName: 'seed', path: this.seed, format: 'raw' }],
      readOnly: true,
      serial: 'cidata',
    };
    return {
      pidFile: this.pidFile,
      qmpSockets: [QMP_SOCKET, MONITOR_SOCKET, EVENTS_SOCKET],
      consoleSocket: CONSOLE_SOCKET,
      consoleLog: this.consoleLog,
      vncSocket: VNC_SOCKET,
      metadataSocket: METADATA_SOCKET,
      agentSocket: AGENT_SOCKET,
      disks: [
        disk('boot', spec.bootReadOnly ?? false),
        ...(spec.extraDisks ?? []).map((extra) => disk(diskFile(extra.name), extra.readOnly ?? false)),
        ...(spec.cloudInit ? [seed] : []),
      ],
    };
  }

  /** One layer as QEMU opens it. Node names are short, so the first of a disk is called after it and others by number. */
  layer(layer: string): LayerArg {
    const number = layer.split('~')[1];
    const nodeName = number === undefined ? `disk-${layer}` : `layer-${number}`;
    return { nodeName, path: this.disk(layer), format: 'qcow2' };
  }

  /** The files of a disk from its head down to its base image. */
  layersOf(record: VmRecord, disk: string): [LayerArg, ...LayerArg[]] {
    const head = headOf(record, disk);
    const [, ...below] = chainOf(record, head);
    const base = baseOf(record, disk);
    const order = ['boot', ...(record.spec.extraDisks ?? []).map((extra) => diskFile(extra.name))];
    const bases = (base ? [base, ...(base.below ?? [])] : []).map(({ path, format }, depth) => ({
      nodeName: baseNode(order.indexOf(disk), depth),
      path,
      format,
    }));
    return [this.layer(head), ...below.map((layer) => this.layer(layer)), ...bases];
  }

  /** Makes the directory together with its record and what `fill` puts in it: there is none without. */
  async create(record: VmRecord, fill?: (part: VmDir) => Promise<void>): Promise<void> {
    const parent = dirname(this.path);
    await mkdir(parent, { recursive: true });
    const part = hiddenName(this.path);
    await mkdir(part, { mode: 0o750 });
    try {
      await fill?.(new VmDir(part));
      await writeJson(join(part, 'vm.json'), record);
      await rename(part, this.path);
    } catch (error) {
      await rm(part, { recursive: true, force: true });
      throw error;
    }
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

  /** Removes disk and memory files that the record does not know: a crash left them. */
  async sweep(record: VmRecord): Promise<void> {
    const known = new Set([
      ...allLayers(record),
      ...Object.values(record.operation?.heads ?? {}),
      ...(record.spec.extraDisks ?? []).map((disk) => diskFile(disk.name)),
    ]);
    const memories = new Set((record.snapshots ?? []).flatMap(({ memory }) => memory ?? []));
    for (const name of await readdir(this.path)) {
      const [, file, ending] = /^(.+)\.(qcow2|memory)$/.exec(name) ?? [];
      if (file === undefined || (ending === 'qcow2' ? known : memories).has(file)) continue;
      await rm(join(this.path, name), { force: true });
    }
  }

  /** Keeps the output of the run before under `.1`, and removes what a killed QEMU left. */
  async rotate(): Promise<void> {
    for (const path of [this.log, this.consoleLog]) {
      await rename(path, `${path}.1`).catch(ignoreMissing);
    }
    for (const name of [
      QMP_SOCKET,
      MONITOR_SOCKET,
      EVENTS_SOCKET,
      CONSOLE_SOCKET,
      METADATA_SOCKET,
      VNC_SOCKET,
      AGENT_SOCKET,
      'qemu.pid',
    ]) {
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
/** For whoever listens as long as the machine runs. */
export const EVENTS_SOCKET = 'events.sock';
export const METADATA_SOCKET = 'metadata.sock';
export const VNC_SOCKET = 'vnc.sock';
/** Leads to the agent within the guest. */
export const AGENT_SOCKET = 'agent.sock';
/** Carries memory between QEMU and us while a snapshot is taken. */
export const MEMORY_SOCKET = 'memory.sock';
export const CONSOLE_SOCKET = 'console.sock';
export type SocketName =
  | typeof QMP_SOCKET
  | typeof MONITOR_SOCKET
  | typeof EVENTS_SOCKET
  | typeof CONSOLE_SOCKET
  | typeof METADATA_SOCKET
  | typeof VNC_SOCKET
  | typeof AGENT_SOCKET
  | typeof MEMORY_SOCKET;

/** Node of a file that a disk lies on and that is not the machine's own: `depth` 0 is the topmost. */
export function baseNode(diskIndex: number, depth: number): string {
  return `base-${diskIndex}-${depth}`;
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
