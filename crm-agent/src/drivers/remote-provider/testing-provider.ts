import { defineErrors, type ErrorKind, fail, silentLogger } from '@edgeplane/base';
import {
  type CreateRequest,
  PowerOp,
  ProviderService,
  type TaskResponse,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { type RpcContext, RpcServer, type TlsMaterial, unary } from '@edgeplane/rpc';

const errors = defineErrors({
  UNKNOWN: ['UNKNOWN', '{text}'],
  NOT_FOUND: ['NOT_FOUND', '{text}'],
  INVALID: ['INVALID_ARGUMENT', '{text}'],
  UNAVAILABLE: ['UNAVAILABLE', '{text}'],
  NOT_IMPLEMENTED: ['UNIMPLEMENTED', 'method {text} not implemented'],
  NO_IDENTITY: ['UNAUTHENTICATED', '{text}'],
  CYCLE: ['FAILED_PRECONDITION', '{text}'],
});

/** What a provider of this kind does that another does not. */
export interface Quirks {
  /** Tasks take this many questions; 0: everything is done when the call returns. */
  readonly taskPolls: number;
  /** Tasks that end say so by an error text alone, without `done`. */
  readonly errorWithoutDone: boolean;
  /** Every nth call fails with an unknown error before it does anything; 0: never. */
  readonly unknownEvery: number;
  /** Every nth change is made, and its answer lost; 0: never. */
  readonly losesEvery: number;
  /** Every nth look at a machine does not find it; 0: never. */
  readonly glitchEvery: number;
  /** Another create of the same name makes another machine. */
  readonly duplicates: boolean;
  /** How a machine that is not there is told of. */
  readonly missing: 'exists-false' | 'unknown-error';
  /** A new machine runs at once. */
  readonly startsOnCreate: boolean;
  /** Machines have addresses, or ports that lead to them. */
  readonly reach: 'address' | 'forward' | 'nothing';
  /** A running machine is resized, refuses that, or is said to be and is not. */
  readonly resizes: 'online' | 'off' | 'lies';
}

export const PLAIN: Quirks = {
  ...{ taskPolls: 0, errorWithoutDone: false, unknownEvery: 0, losesEvery: 0, glitchEvery: 0 },
  ...{
    duplicates: false,
    missing: 'exists-false',
    startsOnCreate: false,
    reach: 'address',
    resizes: 'online',
  },
};

interface Machine {
  readonly id: string;
  readonly request: CreateRequest;
  on: boolean;
  cpus: number;
  memoryMib: number;
}

interface Task {
  left: number;
  end(): void;
  readonly error: string;
}

export const NO_SUCH_IMAGE = 'https://images.example/none.qcow2';

/** A provider in memory, behind a real server, with the habits of real ones. It keeps its machines when it is away. */
export class TestingProvider {
  readonly machines = new Map<string, Machine>();
  readonly #tasks = new Map<string, Task>();
  readonly #tls: TlsMaterial | undefined;
  readonly #token: string;
  quirks: Quirks;
  /** Why it can do nothing at present. */
  fault = '';
  /** Called before each call is carried out. */
  onCall: (method: string) => void = () => undefined;
  #server: RpcServer | undefined;
  #address = '127.0.0.1:0';
  #calls = 0;
  #changes = 0;
  #looks = 0;
  #next = 100;

  constructor(quirks: Quirks, access: { readonly tls?: TlsMaterial; readonly token?: string } = {}) {
    this.quirks = quirks;
    this.#tls = access.tls;
    this.#token = access.token ?? '';
  }

  get address(): string {
    return this.#address;
  }

  /** Is there, at the same address each time. */
  async start(): Promise<void> {
    const server = new RpcServer({ logger: silentLogger, name: 'provider', tls: this.#tls });
    server.addService(ProviderService, this.#handlers());
    this.#address = await server.listen(this.#address);
    this.#server = server;
  }

  /** Goes away, and forgets its tasks, which come to nothing. */
  async stop(): Promise<void> {
    await this.#server?.stop(0);
    this.#server = undefined;
    this.#tasks.clear();
  }

  named(name: string): readonly Machine[] {
    return [...this.machines.values()].filter((machine) => machine.request.name === name);
  }

  #handlers() {
    const call = <Req, Res>(method: string, work: (request: Req) => Res, change = false) =>
      unary(async (request: Req, context: RpcContext): Promise<Res> => {
        this.#admit(context);
        this.onCall(method);
        this.#sometimes(
          ++this.#calls,
          this.quirks.unknownEvery,
          errors.UNKNOWN,
          `virsh ${method}: exit status 1`,
        );
        const answer = work(request);
        if (change)
          this.#sometimes(++this.#changes, this.quirks.losesEvery, errors.UNAVAILABLE, 'connection reset');
        return answer;
      });
    const missing = (method: string) =>
      unary((): never => {
        throw fail(errors.NOT_IMPLEMENTED, { text: method });
      });
    return {
      validate: call('Validate', () => ({ ok: this.fault === '', message: this.fault })),
      getCapabilities: call('GetCapabilities', () => ({
        ...NO_CAPABILITIES,
        supportsReconfigureOnline: this.quirks.resizes === 'online',
      })),
      create: call('Create', (request: CreateRequest) => this.#create(request), true),
      delete: call('Delete', ({ id }: { id: string }) => this.#delete(id), true),
      power: call('Power', ({ id, op }: { id: string; op: PowerOp }) => this.#power(id, op), true),
      reconfigure: call(
        'Reconfigure',
        ({ id, desiredJson }: { id: string; desiredJson: string }) => this.#reconfigure(id, desiredJson),
        true,
      ),
      describe: call('Describe', ({ id }: { id: string }) => this.#describe(id)),
      taskStatus: call('TaskStatus', ({ task }: { task?: { id: string } | undefined }) =>
        this.#taskStatus(task?.id ?? ''),
      ),
      listVMs: call('ListVMs', () => ({ vms: [...this.machines.values()].map((m) => this.#listed(m)) })),
      hardwareUpgrade: missing('HardwareUpgrade'),
      snapshotCreate: missing('SnapshotCreate'),
      snapshotDelete: missing('SnapshotDelete'),
      snapshotRevert: missing('SnapshotRevert'),
      clone: missing('Clone'),
      imagePrepare: missing('ImagePrepare'),
      exportDisk: missing('ExportDisk'),
      importDisk: missing('ImportDisk'),
      getDiskInfo: missing('GetDiskInfo'),
    };
  }

  #admit({ metadata }: RpcContext): void {
    if (this.#token === '' || metadata.get('authorization')[0] === `Bearer ${this.#token}`) return;
    throw fail(errors.NO_IDENTITY, { text: 'permission denied: token authentication failed' });
  }

  #sometimes(count: number, every: number, kind: ErrorKind, text: string): void {
    if (every > 0 && count % every === 0) throw fail(kind, { text });
  }

  #create(request: CreateRequest) {
    const { CPU, MemoryMiB } = JSON.parse(request.classJson) as { CPU: number; MemoryMiB: number };
    const { URL: url } = JSON.parse(request.imageJson) as { URL: string };
    if (url === NO_SUCH_IMAGE) throw fail(errors.UNKNOWN, { text: `failed to download ${url}: 404` });
    const [known] = this.quirks.duplicates ? [] : this.named(request.name);
    const id = known?.id ?? String(this.#next++);
    const make = () => {
      const on = this.quirks.startsOnCreate;
      this.machines.set(id, { id, request, on, cpus: CPU, memoryMib: MemoryMiB });
    };
    return known ? { id, task: undefined } : { id, ...this.#task(make) };
  }

  #delete(id: string): TaskResponse {
    if (!this.machines.has(id)) throw fail(errors.NOT_FOUND, { text: `VM "${id}" not found` });
    return this.#task(() => this.machines.delete(id));
  }

  #power(id: string, op: PowerOp): TaskResponse {
    const machine = this.#machine(id);
    return this.#task(() => {
      machine.on = op === PowerOp.POWER_OP_ON || op === PowerOp.POWER_OP_REBOOT;
    });
  }

  #reconfigure(id: string, desiredJson: string): TaskResponse {
    const machine = this.#machine(id);
    const { resizes } = this.quirks;
    const { Class } = JSON.parse(desiredJson) as { Class: { CPU: number; MemoryMiB: number } };
    if (machine.on && resizes === 'off') throw fail(errors.CYCLE, { text: 'the VM must be powered off' });
    if (machine.on && resizes === 'lies') return { task: undefined };
    return this.#task(() => {
      machine.cpus = Class.CPU;
      machine.memoryMib = Class.MemoryMiB;
    });
  }

  #describe(id: string) {
    const machine = this.machines.get(id);
    const { glitchEvery, missing } = this.quirks;
    const glitch = glitchEvery > 0 && ++this.#looks % glitchEvery === 0;
    if (!machine || glitch) {
      if (missing === 'unknown-error') throw fail(errors.UNKNOWN, { text: 'exit status 1' });
      return { exists: false, powerState: '', ips: [], consoleUrl: '', providerRawJson: '' };
    }
    const raw = { memory_usage_mb: 17, ...this.#forwards(machine) };
    const { powerState, ips } = this.#listed(machine);
    return { exists: true, powerState, ips, consoleUrl: '', providerRawJson: JSON.stringify(raw) };
  }

  #listed({ id, request, on, cpus, memoryMib }: Machine) {
    const ips = on && this.quirks.reach === 'address' ? [`10.9.0.${Number(id) % 250}`] : [];
    return {
      ...{
        id,
        name: request.name,
        powerState: on ? 'On' : 'Off',
        ips,
        cpu: cpus,
        memoryMib: BigInt(memoryMib),
      },
      ...{ disks: [], networks: [], providerRaw: {} },
    };
  }

  #forwards({ request, on }: Machine): Record<string, string> {
    if (!on || this.quirks.reach !== 'forward') return {};
    const { ExtraConfig } = JSON.parse(request.classJson) as { ExtraConfig: Record<string, string> | null };
    const asked = (ExtraConfig?.['edgeplane.forwards'] ?? '').split(',').filter((text) => text !== '');
    return Object.fromEntries(
      asked.map((text, index) => [`forward.${text.replace('/', '.')}`, `127.0.0.1:${30_000 + index}`]),
    );
  }

  #machine(id: string): Machine {
    const machine = this.machines.get(id);
    if (!machine) throw fail(errors.UNKNOWN, { text: `domain ${id}: exit status 1` });
    return machine;
  }

  #task(end: () => void): TaskResponse {
    if (this.quirks.taskPolls === 0) {
      end();
      return { task: undefined };
    }
    const id = `task-${this.#next++}`;
    this.#tasks.set(id, { left: this.quirks.taskPolls, end, error: '' });
    return { task: { id } };
  }

  #taskStatus(id: string) {
    const task = this.#tasks.get(id);
    if (!task) return { done: !this.quirks.errorWithoutDone, error: 'task not found' };
    task.left -= 1;
    if (task.left > 0) return { done: false, error: '' };
    if (task.left === 0) task.end();
    return { done: true, error: task.error };
  }
}

const NO_CAPABILITIES = {
  ...{ supportsReconfigureOnline: false, supportsDiskExpansionOnline: false, supportsSnapshots: false },
  ...{ supportsMemorySnapshots: false, supportsLinkedClones: false, supportsImageImport: false },
  ...{
    supportedDiskTypes: [],
    supportedNetworkTypes: [],
    supportsDiskExport: false,
    supportsDiskImport: false,
  },
  ...{ supportedExportFormats: [], supportedImportFormats: [], supportsExportCompression: false },
  ...{ supportedExportBackends: [], supportedImportBackends: [], supportedTransferModes: [] },
};
