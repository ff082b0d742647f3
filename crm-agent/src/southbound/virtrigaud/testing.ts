import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeplaneError } from '@edgeplane/base';
import * as rpc from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary, connect, type RequestOf, type ResponseOf, type UnaryName } from '@edgeplane/rpc';
import type { DoorContext } from '../door.js';
import type { OpenedDoor } from '../opened-door.js';
import { openTestDoor, testDoorContext } from '../testing.js';
import { VirtrigaudDoor, type VirtrigaudSettings } from './index.js';

/** A door for tests, with what a manager would send. */

/** Requests with every member, as unset ones must be given in code. */
export const requests = {
  create: (over: Partial<rpc.CreateRequest> = {}): rpc.CreateRequest => ({
    ...{ name: 'web', userData: Buffer.alloc(0), metaData: Buffer.alloc(0), tags: [] },
    ...{ classJson: vmClass(), imageJson: '', networksJson: 'null', disksJson: 'null', placementJson: '' },
    ...over,
  }),
  clone: (over: Partial<rpc.CloneRequest> = {}): rpc.CloneRequest => ({
    ...{ sourceVmId: 'web', targetName: 'copy', linked: false },
    ...{ classJson: '', placementJson: '', customizeJson: '' },
    ...over,
  }),
  export: (over: Partial<rpc.ExportDiskRequest> = {}): rpc.ExportDiskRequest => ({
    ...{ vmId: 'web', diskId: '', snapshotId: '', destinationUrl: 'pvc://claim/a/b.qcow2', format: '' },
    ...{ compress: false, credentials: {}, backendType: '', transferMode: '', storageOptionsJson: '' },
    ...over,
  }),
  import: (over: Partial<rpc.ImportDiskRequest> = {}): rpc.ImportDiskRequest => ({
    ...{ sourceUrl: 'pvc://claim/a/b.qcow2', storageHint: '', format: '', targetName: 'moved' },
    ...{ verifyChecksum: false, expectedChecksum: '', credentials: {} },
    ...{ backendType: '', transferMode: '', storageOptionsJson: '' },
    ...over,
  }),
};

/** A class as the manager's Go code writes it. */
export function vmClass(
  over: { readonly CPU?: unknown; readonly MemoryMiB?: unknown; readonly SizeGiB?: unknown } = {},
): string {
  const { SizeGiB = 1, ...more } = over;
  return JSON.stringify({
    ...{ CPU: 1, MemoryMiB: 192, Firmware: 'BIOS', DiskDefaults: { Type: 'thin', SizeGiB } },
    ...{ GuestToolsPolicy: 'install', ExtraConfig: null, PerformanceProfile: null, SecurityProfile: null },
    ...{ ResourceLimits: null, ...more },
  });
}

type Client = rpc.ProviderClient;
type Method = UnaryName<Client>;

/** An open door and a client of it. */
export class TestProvider {
  readonly context: DoorContext & { remove(): void };
  readonly settings: VirtrigaudSettings;
  readonly dir: string;
  #opened: OpenedDoor | undefined;
  #client: rpc.ProviderClient | undefined;
  #life = new AbortController();

  constructor(over: Partial<DoorContext> = {}, settings: Partial<VirtrigaudSettings> = {}) {
    this.context = testDoorContext(over);
    this.dir = this.context.stateDir;
    this.settings = {
      ...{ pvcDir: this.path('pvc'), fileDirs: [], allowedHosts: [], consoleAddr: '' },
      ...{ maxFetchBytes: 2 ** 40 },
      ...settings,
    };
    mkdirSync(this.path('pvc', 'claim'), { recursive: true });
  }

  /** A path beside the door's state, which is in a folder of its own. */
  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  /** Begins a life of the door. */
  async open(over: Partial<DoorContext> = {}): Promise<void> {
    const context = { ...this.context, ...over, stateDir: this.path('door') };
    const door = new VirtrigaudDoor(context, this.settings, { accelerator: 'tcg' });
    this.#opened = await openTestDoor(door, context);
    this.#client = connect(rpc.ProviderClient, this.#opened.addresses['virtrigaud'] ?? '');
  }

  get client(): rpc.ProviderClient {
    if (!this.#client) throw new Error('the door is not open');
    return this.#client;
  }

  /** Ends the life; machines run on. */
  async close(workloads: 'keep' | 'stop' = 'keep'): Promise<void> {
    this.#client?.close();
    await this.#opened?.stop(workloads);
    this.#opened = undefined;
  }

  /** Breaks the connection to a life that hangs, and leaves it: what it waits for never comes. */
  abandon(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.#client?.close();
    const dead = this.#opened;
    this.#opened = undefined;
    void dead?.stop('keep').catch(() => undefined);
  }

  /** Ends machines and removes everything. */
  async clear(): Promise<void> {
    await this.close('stop');
    this.context.remove();
  }

  call<M extends Method>(
    method: M,
    request: RequestOf<Client[M]>,
    deadlineMs = 120_000,
  ): Promise<ResponseOf<Client[M]>> {
    return callUnary(this.client, method, request, { deadlineMs, signal: this.#life.signal });
  }

  /** Status and text of how a call fails; `OK` when it does not. */
  async failure<M extends Method>(method: M, request: RequestOf<Client[M]>): Promise<string> {
    try {
      await this.call(method, request);
      return 'OK';
    } catch (error) {
      if (error instanceof EdgeplaneError) return `${error.status} ${error.message}`;
      throw error;
    }
  }

  /** A disk image of so many MiB that holds a pattern. */
  image(path: string, pattern: number, mib = 8): string {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', path, `${mib}M`]);
    qemuIo(path, `write -P ${pattern} 0 64k`);
    return path;
  }
}

export function qemuIo(file: string, command: string, format = 'qcow2'): string {
  // A disk in use can be read.
  const shared = command.startsWith('read') ? ['-U', '-r'] : [];
  return execFileSync('qemu-io', [...shared, '-f', format, '-c', command, file], { encoding: 'utf8' });
}

/** Whether a disk's beginning holds a pattern. */
export function holds(file: string, pattern: number, format = 'qcow2'): boolean {
  return !qemuIo(file, `read -P ${pattern} 0 64k`, format).includes('verification failed');
}
