import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '@edgeplane/base';
import * as old from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import * as current from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { qemuErrors, type VmSpec, type VmStatus } from '../../engines/qemu/index.js';
import type { ImageSource } from './image-source.js';
import type { Machines } from './machines.js';

/** Pretended machines and images for this folder's tests. */

/** Machines that are files: they outlive the door, as those of QEMU do. */
export class FileMachines implements Machines {
  readonly #dir: string;
  readonly #exits = new Map<string, Set<() => void>>();
  /** Thrown by starts while it is set. */
  trouble: Error | undefined;
  starts = 0;
  readonly graces: number[] = [];
  /** Starts under way, and the most there were. */
  busy = { now: 0, most: 0 };

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  readonly revision = {
    revise: async (spec: VmSpec) => {
      const { state } = await this.status(spec.id);
      if (state === 'running') throw fail(qemuErrors.vmRuns, { id: spec.id });
      this.#write(spec, false);
    },
  };

  async recover(): Promise<readonly VmStatus[]> {
    return this.list();
  }

  async list(): Promise<readonly VmStatus[]> {
    return Promise.all(readdirSync(this.#dir).map((name) => this.status(name)));
  }

  async create(spec: VmSpec): Promise<void> {
    if ((await this.status(spec.id)).state === 'missing') this.#write(spec, false);
  }

  async start(id: string): Promise<VmStatus> {
    this.starts += 1;
    this.busy.now += 1;
    this.busy.most = Math.max(this.busy.most, this.busy.now);
    await new Promise((resolve) => setImmediate(resolve));
    this.busy.now -= 1;
    if (this.trouble) throw this.trouble;
    const { spec } = await this.status(id);
    if (!spec) throw fail(qemuErrors.vmNotFound, { id });
    this.#write(spec, true);
    return this.status(id);
  }

  async stop(id: string, { graceMs }: { readonly graceMs: number }): Promise<void> {
    this.graces.push(graceMs);
    this.end(id);
  }

  async destroy(id: string): Promise<void> {
    this.end(id);
    rmSync(join(this.#dir, id), { force: true });
  }

  async status(id: string): Promise<VmStatus> {
    let text: string;
    try {
      text = readFileSync(join(this.#dir, id), 'utf8');
    } catch {
      return { id, state: 'missing' };
    }
    const { spec, running } = JSON.parse(text) as { spec: VmSpec; running: boolean };
    return running ? { id, spec, state: 'running' } : { id, spec, state: 'failed', reason: 'guest-panic' };
  }

  async waitForExit(id: string, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const all = this.#exits.get(id) ?? new Set();
      this.#exits.set(id, all.add(resolve));
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async close(): Promise<void> {}

  /** The machine is not there any more, as when its guest panicked. */
  end(id: string): void {
    const path = join(this.#dir, id);
    try {
      const { spec } = JSON.parse(readFileSync(path, 'utf8')) as { spec: VmSpec };
      this.#write(spec, false);
    } catch {}
    for (const exit of this.#exits.get(id) ?? []) exit();
    this.#exits.delete(id);
  }

  #write(spec: VmSpec, running: boolean): void {
    writeFileSync(join(this.#dir, spec.id), JSON.stringify({ spec, running }));
  }
}

/** Images that all have the same few files. */
export class FolderImages implements ImageSource {
  readonly folder = mkdtempSync(join(tmpdir(), 'flintlock-image-'));
  /** References that cannot be had, and why. */
  readonly troubles = new Map<string, Error>();

  constructor() {
    mkdirSync(join(this.folder, 'boot'));
    writeFileSync(join(this.folder, 'boot/vmlinux'), 'kernel');
    writeFileSync(join(this.folder, 'boot/initrd'), 'initrd');
  }

  async open(): Promise<void> {}

  async idOf(reference: string): Promise<string> {
    const trouble = this.troubles.get(reference);
    if (trouble) throw trouble;
    return `id-${Buffer.from(reference).toString('hex')}`;
  }

  withImageFiles<T>(_id: string, work: (folder: string) => Promise<T>): Promise<T> {
    return work(this.folder);
  }

  async close(): Promise<void> {}

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A microVM as callers of the current dialect ask for it. */
export function currentSpec(over: Partial<current.MicroVMSpec> = {}): current.MicroVMSpec {
  return current.MicroVMSpec.fromPartial({
    ...{ id: 'vm1', namespace: 'ns1', vcpu: 1, memoryInMb: 1024 },
    kernel: { image: 'reg.local/k:1', filename: 'boot/vmlinux' },
    rootVolume: { id: 'root', source: { containerSource: 'reg.local/os:1' }, sizeInMb: 4 },
    interfaces: [{ deviceId: 'eth1', type: 1 }],
    ...over,
  } as current.MicroVMSpec);
}

/** The same in the dialect of 2021. */
export function oldSpec(over: Partial<old.MicroVMSpec> = {}): old.MicroVMSpec {
  return old.MicroVMSpec.fromPartial({
    ...{ id: 'vm1', namespace: 'ns1', vcpu: 1, memoryInMb: 1024 },
    kernel: { image: 'reg.local/k:1', filename: 'boot/vmlinux', cmdline: 'console=ttyS0 root=/dev/vda' },
    volumes: [
      {
        id: 'root',
        isRoot: true,
        mountPoint: '/',
        source: { containerSource: 'reg.local/os:1' },
        sizeInMb: 4,
      },
    ],
    interfaces: [{ guestDeviceName: 'eth0', type: 1, allowMetadataReq: true }],
    ...over,
  } as old.MicroVMSpec);
}
