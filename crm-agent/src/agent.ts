import { join } from 'node:path';
import {
  type Clock,
  createLogger,
  DebugAreas,
  inArea,
  type Logger,
  type Random,
  type Service,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import { type NotifyDialer, TableMirror } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { Metrics } from '@edgeplane/observe';
import { DebugApiService } from '@edgeplane/proto/log/debug.js';
import { debugApi, loadTls, RpcServer, serveMetrics, type TlsMaterial } from '@edgeplane/rpc';
import { gatherCloudletInfo } from './cloudlet-info.js';
import type { AgentConfig } from './config.js';
import { startControlLoop } from './control-loop.js';
import { type AgentTables, desiredTables, fillTables, tableList } from './desired.js';
import { type Disk, systemDisk } from './disk.js';
import type { Driver } from './drivers/driver.js';
import { type SessionLimits, ShellSessions } from './exec/sessions.js';
import { makeDoor } from './make-door.js';
import { makeDriver } from './make-driver.js';
import { NO_RESERVE, Reserve, type RoomToRemove } from './reserve.js';
import { type MakeDoor, openDoors } from './southbound/doors.js';
import { Troubles } from './troubles.js';

/** What an agent may be given instead of its own. */
export interface AgentOverrides {
  readonly logger?: Logger;
  /** What `logger` asks which debug lines to write. */
  readonly debug?: DebugAreas;
  readonly clock?: Clock;
  readonly random?: Random;
  /** A driver that is not initialised yet. */
  readonly driver?: Driver;
  readonly makeDoor?: MakeDoor;
  readonly shellLimits?: Partial<SessionLimits>;
  /** How controllers are reached. */
  readonly dial?: NotifyDialer;
  readonly disk?: Disk;
  /** Empty tables for what controllers send, for whoever wants to look at it. */
  readonly tables?: AgentTables;
}

export interface Agent extends Service {
  /** Once started, `api`: where health and reflection are served; `metrics` unless off; doors by their names. */
  readonly addresses: Readonly<Record<string, string>>;
}

/**
 * The agent of one cloudlet (CRM, spec sections 9 and 10): takes what the controller wants from the notify stream, has
 * the driver do it, and reports how far it is. `start` resolves when earlier work is recovered and the stream is being
 * connected; it does not wait for a controller.
 */
export function createAgent(config: AgentConfig, overrides: AgentOverrides = {}): Agent {
  return new CloudletAgent(config, overrides);
}

class CloudletAgent implements Agent {
  readonly addresses: Record<string, string> = {};
  readonly #config: AgentConfig;
  readonly #logger: Logger;
  readonly #debug: DebugAreas;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #driver: Driver;
  readonly #overrides: AgentOverrides;
  readonly #disk: Disk;
  readonly #troubles = new Troubles();
  readonly #abort = new AbortController();
  /** What to undo, in reverse order. */
  readonly #cleanups: (() => Promise<void> | void)[] = [];
  #ready = false;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: AgentConfig, overrides: AgentOverrides) {
    this.#config = config;
    this.#logger = overrides.logger ?? createLogger({ name: 'crm-agent' });
    this.#debug = overrides.debug ?? new DebugAreas();
    this.#clock = overrides.clock ?? systemClock;
    this.#random = overrides.random ?? systemRandom;
    this.#driver = overrides.driver ?? makeDriver(config);
    this.#overrides = overrides;
    this.#disk = overrides.disk ?? systemDisk;
  }

  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { signal } = this.#abort;
    const tls = this.#config.tls === '' ? undefined : loadTls(this.#config.tls);
    const lock = await this.#disk.lock(this.#config.stateDir);
    this.#cleanups.push(() => lock.release());
    const room = await this.#roomToRemove();
    const metrics = await this.#observe(tls);
    if (this.#config.apiAddr !== 'off') {
      const api = new RpcServer({
        logger: inArea(this.#logger, 'api'),
        name: 'api',
        tls,
        clock: this.#clock,
      });
      api.addService(DebugApiService, debugApi(this.#debug, this.#logger));
      this.#cleanups.push(() => api.stop(0));
      this.addresses['api'] = await api.listen(this.#config.apiAddr);
    }
    signal.throwIfAborted();
    await this.#startDriver(signal);
    const recovered = await this.#driver.recover(signal);
    const info = await gatherCloudletInfo(this.#config.cloudletKey, this.#driver, signal);
    const tables = this.#overrides.tables ?? desiredTables();
    const mirror = this.#mirror();
    const remembered = await mirror.load(tableList(tables));
    const held = fillTables(tables, remembered);
    this.#logger.info({ objects: remembered.objects.length }, 'Remembered');
    signal.throwIfAborted();

    this.#logger.info(
      { clusterInsts: recovered.clusterInsts.length, appInsts: recovered.appInsts.length },
      'Recovered',
    );
    const shells = new ShellSessions({
      iceServers: this.#config.stun,
      clock: this.#clock,
      logger: this.#logger,
      limits: { idleMs: this.#config.execIdleMs, ...this.#overrides.shellLimits },
    });
    const loop = startControlLoop({
      config: this.#config,
      driver: this.#driver,
      info,
      recovered,
      tls,
      dial: this.#overrides.dial,
      tables,
      ...{ mirror, held },
      shells,
      troubles: this.#troubles,
      room,
      metrics,
      logger: this.#logger,
      clock: this.#clock,
      random: this.#random,
    });
    this.#cleanups.push(() => loop.stop());
    // Before the loop and the driver, as shells hold what these would end.
    this.#cleanups.push(() => shells.stop());
    await this.#openDoors(signal);
    this.#ready = true;
  }

  async #openDoors(signal: AbortSignal): Promise<void> {
    const { doors, stateDir, publicAddr, imageDir, registryAuth, cloudletKey, onStop } = this.#config;
    const context = {
      stateDir: join(stateDir, 'southbound'),
      cloudletKeyJson: OBJECTS.Cloudlet.keyJson(cloudletKey),
      ...{ disk: this.#disk, publicAddr, imageDir, registryAuth },
      logger: inArea(this.#logger, 'mexos'),
      ...{ clock: this.#clock, random: this.#random },
    };
    const make: MakeDoor =
      this.#overrides.makeDoor ?? ((name, context) => makeDoor(name, context, this.#config));
    const opened = await openDoors(doors, context, make, signal);
    this.#cleanups.push(() => opened.stop(onStop));
    Object.assign(this.addresses, opened.addresses);
  }

  async #observe(tls: TlsMaterial | undefined): Promise<Metrics> {
    const metrics = new Metrics();
    const { metricsAddr: address } = this.#config;
    if (address === '') return metrics;
    const health = () => (this.#abort.signal.aborted ? 'stopping' : this.#ready ? undefined : 'starting');
    const listener = await serveMetrics({ address, metrics, health, tls, logger: this.#logger });
    this.#cleanups.push(() => listener.stop());
    this.addresses['metrics'] = listener.address;
    return metrics;
  }

  async #roomToRemove(): Promise<RoomToRemove> {
    if (this.#disk !== systemDisk) return NO_RESERVE;
    const reserve = new Reserve(join(this.#config.stateDir, 'reserve'), this.#logger);
    await reserve.keep();
    return reserve;
  }

  #mirror(): TableMirror {
    const mirror = new TableMirror({
      dir: join(this.#config.stateDir, 'mirror'),
      disk: this.#disk,
      cloudlet: OBJECTS.Cloudlet.keyJson(this.#config.cloudletKey),
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
    });
    this.#cleanups.push(() => mirror.stop());
    return mirror;
  }

  async #startDriver(signal: AbortSignal): Promise<void> {
    // Also when init fails half way: what it started has to end.
    this.#cleanups.push(() => this.#driver.stop(this.#config.onStop));
    await this.#driver.init(
      {
        cloudletKey: this.#config.cloudletKey,
        cloudletKeyJson: OBJECTS.Cloudlet.keyJson(this.#config.cloudletKey),
        stateDir: join(this.#config.stateDir, this.#driver.name),
        disk: this.#disk,
        publicAddr: this.#config.publicAddr,
        http: this.#config.http,
        imageDir: this.#config.imageDir,
        registryAuth: this.#config.registryAuth,
        troubles: this.#troubles,
        logger: inArea(this.#logger, 'mexos'),
        clock: this.#clock,
        random: this.#random,
      },
      signal,
    );
    this.#logger.info({ platform: this.#driver.name, ...this.#driver.capabilities }, 'Driver ready');
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Error('agent stopped'));
    await this.#started?.catch(() => undefined);
    let failure: unknown;
    for (const cleanup of this.#cleanups.reverse()) {
      try {
        await cleanup();
      } catch (error) {
        failure ??= error;
        this.#logger.error({ err: error }, 'Stopping a part failed');
      }
    }
    if (failure !== undefined) throw failure;
  }
}
