import { AppTable, followControllers } from '@edgeplane/dme';
import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import { Monitor } from './monitor.js';
import { SimNode } from './sim-node.js';
import type { World } from './world.js';

/** A table that tells what it is told. */
class WatchedTable extends AppTable {
  readonly #monitor: Monitor;

  constructor(monitor: Monitor) {
    super();
    this.#monitor = monitor;
  }

  override putApp(app: App, keyJson?: string, wire?: Uint8Array): void {
    this.#monitor.saw(OBJECTS.App, app);
    super.putApp(app, keyJson, wire);
  }

  override putInst(inst: AppInst, keyJson?: string, wire?: Uint8Array): void {
    this.#monitor.saw(OBJECTS.AppInst, inst);
    super.putInst(inst, keyJson, wire);
  }
}

/** A match engine, as far as controllers are concerned, through all its lives. */
export class DmeHost {
  readonly name: string;
  table = new AppTable();
  readonly #world: World;
  #node: SimNode | undefined;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get running(): boolean {
    return this.#node !== undefined;
  }

  start(): void {
    if (this.#node) return;
    const { scheduler, random, network, history, report } = this.#world;
    const node = new SimNode(this.name, scheduler, random);
    this.#node = node;
    const notifyVersion = this.#world.nextVersion();
    const monitor = new Monitor(this.name, history, report, notifyVersion);
    this.table = new WatchedTable(monitor);
    const notifyAddrs = this.#world.nextAddresses();
    const cloudletKey = { operatorKey: { name: 'op' }, name: 'here' };
    followControllers({ notifyAddrs, notifyVersion, scaleId: this.name, cloudletKey }, this.table, {
      tls: undefined,
      // Turns of the real event loop are the scheduler's.
      breathe: () => undefined,
      dial: network.dialer(node, () => monitor.newSession()),
      logger: this.#world.loggerOf(this.name),
      clock: node.clock,
      random: node.random,
    }).start();
  }

  kill(): void {
    this.#node?.kill();
    this.#node = undefined;
  }
}
