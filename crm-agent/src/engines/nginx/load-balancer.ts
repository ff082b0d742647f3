import { mkdir, realpath } from 'node:fs/promises';
import {
  Backoff,
  type Clock,
  type Deferred,
  deferred,
  fail,
  type Logger,
  messageOf,
  type Random,
  sleep,
  writeFileAtomic,
} from '@edgeplane/base';
import { readJsonFile } from '../../json-file.js';
import { portTaken } from '../process/index.js';
import { type NginxSettings, nginxConfig } from './config.js';
import { nginxErrors } from './errors.js';
import { type NginxLayout, nginxLayout } from './layout.js';
import { findNginx } from './programs.js';
import {
  checkService,
  listenerOf,
  listenerText,
  type PublicService,
  portOf,
  toServices,
} from './public-service.js';
import { faultless, hasPorts, NOTHING, type Served, without, withService } from './served.js';
import { Serving } from './serving.js';

export interface LoadBalancerOptions {
  /** A folder of its own. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** For the HTTP ports: paths without `$`; plain HTTP without. */
  readonly tls?: NginxSettings['tls'];
}

/** A service, with the reason when it is not served just now. */
export interface ListedService {
  readonly service: PublicService;
  readonly fault?: string;
}

/** What one caller wants; without a service the name is to go. */
interface Change {
  readonly name: string;
  readonly service?: PublicService;
  readonly done: Deferred<void>;
}

/** How often it is looked whether nginx lives, milliseconds. */
const WATCH_MS = 500;
/** Delay before what failed by itself is tried again. */
const RETRY = { base: 2000, max: 30_000 };

/**
 * Public ports of one agent, served by an nginx of its own that outlives it. What `ensure` and `remove` were asked for
 * is in force when they resolve: no connection has been dropped for it, and none goes to a backend that is gone. Datagrams
 * of one client go on to the same backend, from another port of ours. Changes that come while others are being made are
 * made together; one that cannot be is refused by itself. Services are remembered and come back with `open`.
 */
export class LoadBalancer {
  readonly #o: LoadBalancerOptions;
  readonly #layout: NginxLayout;
  readonly #settings: NginxSettings;
  readonly #serving: Serving;
  readonly #abort = new AbortController();
  #served: Served = NOTHING;
  #waiting: Change[] = [];
  /** Set when what runs may not be what is to run. */
  #doubt = true;
  #working: Promise<void> | undefined;
  #watched: Promise<void> | undefined;

  private constructor(options: LoadBalancerOptions, program: string, settings: NginxSettings) {
    const { stateDir, clock, logger } = options;
    this.#o = options;
    this.#layout = nginxLayout(stateDir);
    this.#settings = settings;
    this.#serving = new Serving({ layout: this.#layout, program, clock, logger });
  }

  /**
   * Takes over what an earlier run left and brings it to what is remembered. A remembered port that somebody else has
   * taken meanwhile is a fault in `list` and tried again; it keeps nothing else from working.
   * @throws NGINX_NOT_INSTALLED
   */
  static async open(options: LoadBalancerOptions): Promise<LoadBalancer> {
    const { nginx, settings } = await findNginx();
    await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
    // The kernel names working directories, by which nginx is found again, without links.
    const stateDir = await realpath(options.stateDir);
    const balancer = new LoadBalancer({ ...options, stateDir }, nginx, { ...settings, tls: options.tls });
    await balancer.#open();
    return balancer;
  }

  /** Process id of nginx's master; undefined when nothing is served. */
  get pid(): number | undefined {
    return this.#serving.pid;
  }

  /**
   * Serves it, in place of the service of that name if there is one; the same again costs nothing.
   * @throws BAD_SERVICE, PORT_CONFLICT, PORT_TAKEN naming who has the port, or what nginx says; all is as it was then
   */
  async ensure(service: PublicService): Promise<void> {
    await this.#change({ name: service.name, service: checkService(service), done: deferred() });
  }

  /** No such service is fine. */
  async remove(name: string): Promise<void> {
    await this.#change({ name, done: deferred() });
  }

  list(): readonly ListedService[] {
    const { services, faults } = this.#served;
    return [...services.values()].map((service) => {
      const fault = faults.get(service.name);
      return fault === undefined ? { service } : { service, fault };
    });
  }

  /** With `keep` nginx goes on serving. Safe to repeat. */
  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    this.#abort.abort(fail(nginxErrors.STOPPED));
    await this.#watched;
    await this.#working;
    if (workloads === 'stop') await this.#serving.stop();
  }

  async #open(): Promise<void> {
    const remembered = toServices((await readJsonFile(this.#layout.services)) ?? []);
    this.#served = { services: new Map(remembered.map((s) => [s.name, s])), faults: new Map() };
    if (await this.#serving.adopt()) this.#o.logger.info({ pid: this.pid }, 'Load balancer taken over');
    await this.#work();
    this.#watched = this.#watch();
  }

  #change(change: Change): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.reject(this.#abort.signal.reason);
    this.#waiting.push(change);
    void this.#work();
    return change.done.promise;
  }

  /** The one place from which anything is changed; never rejects. */
  #work(): Promise<void> {
    this.#working ??= this.#workOff();
    return this.#working;
  }

  async #workOff(): Promise<void> {
    // In a later turn, so that what is asked for in one turn is made together.
    await Promise.resolve();
    while (this.#doubt || this.#waiting.length > 0) {
      if (this.#doubt) await this.#settle();
      const changes = this.#waiting;
      this.#waiting = [];
      await this.#make(changes).catch((error: unknown) => {
        for (const { done } of changes) done.reject(error);
      });
    }
    // In the same turn as the last look: what is asked for from now on has work begin anew.
    this.#working = undefined;
  }

  /** Makes changes together, or when that fails one by one. */
  async #make(changes: readonly Change[]): Promise<void> {
    const accepted: Change[] = [];
    let next = this.#served;
    const open = await this.#serving.ports();
    for (const change of changes) {
      try {
        next = await withChange(next, change, open);
        accepted.push(change);
      } catch (error) {
        change.done.reject(error);
      }
    }
    const [first, ...rest] = accepted;
    if (!first) return;
    try {
      await this.#serve(next);
      await writeFileAtomic(this.#layout.services, JSON.stringify([...next.services.values()]));
      for (const { done } of accepted) done.resolve();
    } catch (error) {
      if (rest.length === 0) first.done.reject(error);
      else for (const change of accepted) await this.#make([change]);
    }
  }

  async #serve(served: Served): Promise<void> {
    await this.#serving.serve(nginxConfig(faultless(served), this.#settings));
    this.#served = served;
  }

  /** Serves what is remembered, as far as its ports can be had; what cannot be served gets a fault. */
  async #settle(): Promise<void> {
    this.#doubt = false;
    const { services } = this.#served;
    try {
      const open = await this.#serving.ports();
      const faults = new Map<string, string>();
      for (const service of services.values()) {
        const port = listenerOf(service);
        const reason = port && !open.has(listenerText(port)) ? await portTaken(port) : undefined;
        if (reason !== undefined) faults.set(service.name, reason);
      }
      await this.#serve({ services, faults });
    } catch (error) {
      const reason = messageOf(error);
      this.#served = { services, faults: new Map([...services.keys()].map((name) => [name, reason])) };
    }
    for (const { service, fault } of this.list())
      if (fault) this.#o.logger.error({ service: service.name, reason: fault }, 'Public port is not served');
  }

  /** Starts nginx again when it died, and tries again what could not be served. */
  async #watch(): Promise<void> {
    const { clock, random, logger } = this.#o;
    const { signal } = this.#abort;
    const backoff = new Backoff(RETRY, random);
    let retryAt = 0;
    for (;;) {
      await sleep(clock, WATCH_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#working;
      const died = hasPorts(this.#served) && !(await this.#serving.isAlive());
      if (!died && this.#served.faults.size === 0) {
        backoff.reset();
        continue;
      }
      if (clock.monotonic() < retryAt) continue;
      if (died) logger.warn('Load balancer ended; starting it again');
      this.#doubt = true;
      await this.#work();
      retryAt = clock.monotonic() + backoff.next();
    }
  }
}

/** @param open ports that nginx listens on already @throws PORT_CONFLICT, PORT_TAKEN */
async function withChange(
  served: Served,
  { name, service }: Change,
  open: ReadonlySet<string>,
): Promise<Served> {
  if (!service) return without(served, name);
  const next = withService(served, service);
  const port = listenerText(portOf(service));
  const reason = open.has(port) ? undefined : await portTaken(portOf(service));
  if (reason !== undefined) throw fail(nginxErrors.PORT_TAKEN, { port, name, reason });
  return next;
}
