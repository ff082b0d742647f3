import { createLogger, type Logger, type Random, seededRandom, silentLogger } from '@edgeplane/base';
import { DEFAULT_VERSION } from '@edgeplane/notify';
import { AgentHost } from './agent-host.js';
import { happens } from './chance.js';
import { ControllerHost } from './controller-host.js';
import { DmeHost } from './dme-host.js';
import { History } from './history.js';
import { Network } from './network.js';
import { RelayHost } from './relay-host.js';
import type { Report } from './report.js';
import { Scheduler } from './scheduler.js';
import { SimStore } from './sim-store.js';
import type { Trace } from './trace.js';

/** Everything that there is in a run. */
export class World {
  readonly random: Random;
  readonly trace: Trace;
  readonly report: Report;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly store: SimStore;
  readonly history: History;
  readonly controllers: readonly ControllerHost[];
  readonly agents: readonly AgentHost[];
  readonly dmes: readonly DmeHost[];
  /** The second below the first; none in runs without. */
  readonly relays: readonly RelayHost[];
  /** Of the notify protocol: the highest that the controllers speak. */
  readonly controllerVersion: number;
  readonly #say: ((line: string) => void) | undefined;

  /** `say`: gets the log lines of all processes. */
  constructor(seed: number, trace: Trace, report: Report, say?: (line: string) => void) {
    this.trace = trace;
    this.report = report;
    this.#say = say;
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(seededRandom(seed ^ 0x5eed), trace);
    this.network = new Network(this.scheduler, this.random);
    this.store = new SimStore(this.scheduler);
    this.history = new History(trace);
    this.history.follow(this.store.data);
    this.controllerVersion = this.#oldOrNew();
    this.controllers = ['c0', 'c1', 'c2'].map((name) => new ControllerHost(this, name));
    this.agents = ['site0', 'site1'].map((name) => new AgentHost(this, name));
    this.dmes = [new DmeHost(this, 'dme0')];
    const top = this.controllers.map(({ notifyAddress }) => notifyAddress);
    // A relay speaks the newer version upward.
    const relays = this.controllerVersion === 1 || happens(this.random, 0.3) ? 0 : 2;
    const first = new RelayHost(this, 'r0', top);
    this.relays = [first, new RelayHost(this, 'r1', [first.notifyAddress])].slice(0, relays);
  }

  /** Of the notify protocol: what a process speaks in a life of its own; it may have been replaced by another build. */
  nextVersion(): number {
    return Math.min(this.controllerVersion, this.#oldOrNew());
  }

  /** Addresses that a process dials in a life of its own: controllers, relays, or some of each. */
  nextAddresses(): string[] {
    const controllers = this.controllers.map(({ notifyAddress }) => notifyAddress);
    if (this.relays.length === 0 || happens(this.random, 0.3)) return controllers;
    const relays = this.relays
      .filter(() => happens(this.random, 0.6))
      .map(({ notifyAddress }) => notifyAddress);
    if (relays.length === 0) return controllers;
    return happens(this.random, 0.3) ? [...relays, ...controllers] : relays;
  }

  #oldOrNew(): number {
    return happens(this.random, 0.2) ? 1 : DEFAULT_VERSION;
  }

  loggerOf(name: string): Logger {
    const say = this.#say;
    if (!say) return silentLogger;
    return createLogger({
      name,
      level: 'debug',
      destination: {
        write: (text: string) => {
          const {
            name: who,
            msg,
            time: _time,
            level,
            pid: _pid,
            ...rest
          } = JSON.parse(text) as Record<string, unknown>;
          say(`    ${who} ${level} ${msg} ${JSON.stringify(rest)}`);
        },
      },
    });
  }

  start(): void {
    for (const host of [...this.controllers, ...this.relays, ...this.agents, ...this.dmes]) host.start();
  }

  /** Ends everything, so that nothing of this run goes on in the next one. */
  async end(): Promise<void> {
    for (const host of [...this.controllers, ...this.relays, ...this.agents, ...this.dmes]) host.kill();
    await this.history.stop();
    await this.store.data.close();
  }
}
