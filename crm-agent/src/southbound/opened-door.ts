import { mkdir } from 'node:fs/promises';
import type { RpcServer } from '@edgeplane/rpc';
import { Access } from './access.js';
import { doorAudit } from './audit.js';
import type { Door, DoorContext } from './door.js';
import { answerProbes } from './health-http.js';
import { type HttpListener, listenHttp } from './http-listener.js';
import { openListener } from './listener.js';
import type { DoorSettings } from './settings.js';

/** One door with its listeners: opened once it has taken up what an earlier life left, closed before it lets go. */
export class OpenedDoor {
  /** By listener, with the actual ports: the door's name, and its dialect, `http` or `health`. */
  readonly addresses: Record<string, string> = {};
  readonly #door: Door;
  readonly #settings: DoorSettings;
  readonly #context: DoorContext;
  readonly #servers: RpcServer[] = [];
  readonly #http: HttpListener[] = [];
  #access: Access | undefined;
  #trouble: string | undefined = 'starting';

  constructor(door: Door, settings: DoorSettings, context: DoorContext) {
    this.#door = door;
    this.#settings = settings;
    this.#context = context;
  }

  /** @throws DOOR_FILE, DOOR_UNIDENTIFIED, DOOR_PLAIN_TOKEN, LISTEN_FAILED, or what the door throws */
  async open(signal: AbortSignal): Promise<void> {
    const { name, listeners, httpAddr, healthAddr, access: settings } = this.#settings;
    const { clock, logger, stateDir } = this.#context;
    const access = new Access(name, settings, clock, logger);
    this.#access = access;
    for (const { address } of listeners) access.rules(address);
    if (settings.insecure) logger.warn({}, 'Callers of this API need not show who they are');
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    if (healthAddr !== '')
      await this.#listenHttp('health', { address: healthAddr, handle: answerProbes(() => this.#trouble) });
    await this.#door.start(signal);
    signal.throwIfAborted();
    const audit = doorAudit(clock);
    for (const listener of listeners) {
      const of = { door: this.#door, listener, access, audit, logger, clock };
      const { address, server } = await openListener(of);
      this.#servers.push(server);
      const { dialect } = listener;
      this.addresses[dialect === undefined ? name : `${name} ${dialect}`] = address;
    }
    if (httpAddr !== '')
      await this.#listenHttp('http', {
        ...{ address: httpAddr, access },
        handle: (request, response) => {
          if (this.#door.handleHttp) this.#door.handleHttp(request, response);
          else response.writeHead(501).end();
        },
      });
    this.#trouble = undefined;
  }

  async #listenHttp(what: string, options: Omit<Parameters<typeof listenHttp>[0], 'logger'>): Promise<void> {
    const listener = await listenHttp({ ...options, logger: this.#context.logger });
    this.#http.push(listener);
    this.addresses[`${this.#settings.name} ${what}`] = listener.address;
  }

  /** Takes no more calls, gives those in progress a few seconds, and lets go of the rest. Safe to repeat. */
  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#trouble = 'stopping';
    await Promise.all(this.#servers.map((server) => server.stop()));
    try {
      await this.#door.stop(workloads);
    } finally {
      await Promise.all(this.#http.map((listener) => listener.stop()));
      await this.#access?.stop();
    }
  }
}
