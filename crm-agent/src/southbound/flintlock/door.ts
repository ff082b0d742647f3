import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { RpcServer } from '@edgeplane/rpc';
import { QemuEngine } from '../../engines/qemu/index.js';
import { hostName } from '../../host-names.js';
import { Admission, hostRoom, type ReadRoom } from '../../site/admission.js';
import { HOST } from '../../site/host-paths.js';
import type { Door, DoorContext } from '../door.js';
import { Ulids } from '../ulids.js';
import { HttpGateway } from './http-gateway.js';
import { type ImageSource, PodmanImages } from './image-source.js';
import { type InterfaceIndex, interfaceIndex, type Machines } from './machines.js';
import { MaterialStore } from './material-store.js';
import { MicrovmTable } from './microvm-table.js';
import { Microvms } from './microvms.js';
import { Reconciler, type ReconcileStep } from './reconciler.js';
import { promisedRoom, Reservations } from './reservations.js';
import { Service2021 } from './service-2021.js';
import { CurrentService } from './service-current.js';
import type { FlintlockSettings } from './settings.js';

/** What a door is made of; default: this host. */
export interface FlintlockParts {
  readonly machines?: Machines;
  readonly images?: ImageSource;
  readonly indexOf?: InterfaceIndex;
  readonly readRoom?: ReadRoom;
  readonly onStep?: (uid: string, step: ReconcileStep) => void | Promise<void>;
}

/**
 * flintlock's MicroVM service in both dialects over one set of microVMs: machines of QEMU whose kernels and disks come from
 * container images. All of it is in records; whatever is interrupted is taken up from them.
 */
export class FlintlockDoor implements Door {
  readonly name = 'flintlock';
  /** What callers of either dialect can do. */
  readonly microvms: Microvms;
  readonly #context: DoorContext;
  readonly #machines: Machines;
  readonly #images: ImageSource;
  readonly #materials: MaterialStore;
  readonly #table: MicrovmTable;
  readonly #uids: Ulids;
  readonly #reconciler: Reconciler;
  readonly #current: CurrentService;
  readonly #old: Service2021;
  readonly #http: HttpGateway;
  readonly #settings: FlintlockSettings;
  readonly #ending = new AbortController();
  #opening: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(context: DoorContext, settings: FlintlockSettings, parts: FlintlockParts = {}) {
    const { stateDir, clock, random, logger, disk, imageDir, registryAuth, cloudletKeyJson } = context;
    this.#context = context;
    this.#settings = settings;
    const machineDir = join(stateDir, 'machines');
    const onTrouble = (uid: string, text?: string) => this.trouble(uid, text);
    this.#machines =
      parts.machines ?? new QemuEngine({ stateDir: machineDir, clock, logger, random, onTrouble });
    const owner = hostName(['flintlock'], `${cloudletKeyJson} ${stateDir}`);
    const podman = { owner, stateDir: join(stateDir, 'podman'), imageDir, registryAuth, clock, logger };
    this.#images = parts.images ?? new PodmanImages(podman);
    this.#materials = new MaterialStore(stateDir, this.#images);
    this.#table = new MicrovmTable(join(stateDir, 'records'), disk);
    this.#uids = new Ulids(clock, random);
    const readRoom = promisedRoom(
      parts.readRoom ?? hostRoom(stateDir, HOST),
      settings.memoryOvercommit,
      clock,
    );
    const room = new Reservations(new Admission(readRoom));
    const { onStep = () => undefined, indexOf = interfaceIndex } = parts;
    this.#reconciler = new Reconciler({
      ...{ table: this.#table, machines: this.#machines, materials: this.#materials },
      ...{ network: settings, settings, clock, random, logger, onStep, indexOf },
      machineRoot: join(machineDir, 'vms'),
      settled: (uid) => room.release(uid),
    });
    this.microvms = new Microvms({
      ...{ table: this.#table, uids: this.#uids, network: settings, room, clock, logger },
      changed: (uid) => this.#reconciler.add(uid),
      deleted: (uid) => this.#reconciler.remove(uid),
    });
    this.#current = new CurrentService(this.microvms);
    this.#old = new Service2021(this.microvms);
    this.#http = new HttpGateway({ current: this.#current, old: this.#old, logger });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { logger } = this.#context;
    await this.#table.load();
    for (const { uid } of this.#table.list()) this.#uids.seen(uid);
    await this.#materials.init();
    for (const { id } of await this.#machines.recover())
      if (!this.#table.get(id)) await this.#machines.destroy(id);
    signal.throwIfAborted();
    // It takes seconds; whoever needs images before waits for it, or tries again.
    this.#opening = this.#images.open(this.#ending.signal).catch((error: unknown) => {
      if (!this.#ending.signal.aborted) logger.warn({ err: error }, 'Container images cannot be had yet');
    });
    this.#reconciler.start();
  }

  /** Tells what a running machine waits for; nothing, when it goes on. */
  trouble(uid: string, text?: string): void {
    const noted = this.#reconciler.trouble(uid, text);
    void noted.catch((error: unknown) =>
      this.#context.logger.error({ vm: uid, err: error }, 'Trouble is not recorded'),
    );
  }

  addServices(server: RpcServer, dialect?: string): void {
    if (dialect === '2021') this.#old.addTo(server);
    else this.#current.addTo(server);
  }

  handleHttp(request: IncomingMessage, response: ServerResponse): void {
    this.#http.handle(request, response);
  }

  stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#stopped ??= this.#stop(workloads);
    return this.#stopped;
  }

  async #stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#ending.abort(new Error('the agent is stopping'));
    await this.#reconciler.stop();
    await this.#http.stop();
    await this.#opening;
    if (workloads === 'stop') {
      const running = (await this.#machines.list()).filter(({ state }) => state === 'running');
      const { graceMs } = this.#settings;
      await Promise.all(running.map(({ id }) => this.#machines.stop(id, { graceMs })));
    }
    await this.#images.close();
    await this.#machines.close();
  }
}
