import type { Logger } from '@edgeplane/base';
import {
  type Agent,
  type AgentTables,
  createAgent,
  desiredTables,
  FakeDriver,
  parseConfig,
} from '@edgeplane/crm-agent';
import type { ObjectTable } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { between } from './chance.js';
import { Monitor } from './monitor.js';
import { SimDisk } from './sim-disk.js';
import { SimNode } from './sim-node.js';
import type { World } from './world.js';

const STATE_DIR = '/state';

/** One site: its disk, and its agent through all its lives. */
export class AgentHost {
  readonly name: string;
  readonly key: CloudletKey;
  readonly disk = new SimDisk();
  /** What the living agent has been sent. */
  tables: AgentTables = desiredTables();
  /** Of the notify protocol, in this life. */
  notifyVersion = 0;
  readonly #world: World;
  readonly #logger: Logger;
  #node: SimNode | undefined;
  #agent: Agent | undefined;
  #stopping = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.key = { operatorKey: { name: 'op' }, name };
    this.#logger = world.loggerOf(name);
  }

  get running(): boolean {
    return this.#node !== undefined;
  }

  start(): void {
    if (this.#node) return;
    const { scheduler, random, network, history, report } = this.#world;
    const node = new SimNode(this.name, scheduler, random);
    this.#node = node;
    this.#stopping = false;
    const before = this.notifyVersion;
    this.notifyVersion = this.#world.nextVersion();
    // What it remembers of a life in version 1 has no revisions.
    const revisions = before === 1 ? 1 : this.notifyVersion;
    const monitor = new Monitor(this.name, history, report, revisions);
    this.tables = desiredTables();
    for (const table of Object.values(this.tables))
      watch(table as unknown as ObjectTable<unknown, unknown>, monitor, node);
    const { config } = parseConfig(
      [
        ...[
          '--cloudletKey',
          OBJECTS.Cloudlet.keyJson(this.key),
          '--apiAddr',
          'off',
          '--metricsInterval',
          '0',
        ],
        ...['--stateDir', STATE_DIR, '--hostname', this.name, '--platform', 'fakecloudlet'],
        ...['--notifyVersion', String(this.notifyVersion)],
        ...['--notifyAddrs', this.#world.nextAddresses().join(',')],
      ],
      { variables: {}, cwd: '/' },
    );
    const agent = createAgent(config, {
      logger: this.#logger,
      clock: node.clock,
      random: node.random,
      dial: network.dialer(node, () => monitor.newSession()),
      disk: this.disk.mount(node, node.random),
      tables: this.tables,
      driver: new FakeDriver({
        createDelayMs: between(random, 0, 1500),
        updateDelayMs: between(random, 0, 500),
        deleteDelayMs: between(random, 0, 1500),
        rules: [],
        clusterUpdate: true,
        vmPorts: true,
      }),
    });
    this.#agent = agent;
    agent.start().catch((error: unknown) => {
      if (node.alive && !this.#stopping) report.fault(`${this.name} does not start: ${String(error)}`);
    });
  }

  kill(): void {
    this.#node?.kill();
    this.#node = undefined;
    this.#agent = undefined;
  }

  async stop(): Promise<void> {
    const node = this.#node;
    this.#stopping = true;
    await this.#agent?.stop();
    if (node && this.#node === node) this.kill();
  }
}

function watch<T, K>(table: ObjectTable<T, K>, monitor: Monitor, node: SimNode): void {
  table.subscribe((keyJson) => {
    const object = table.get(keyJson);
    if (node.alive && object !== undefined) monitor.saw(table.type, object);
  });
}
