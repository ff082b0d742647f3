import { createRelay, parseConfig, type Relay } from '@edgeplane/relay';
import { SimNode } from './sim-node.js';
import type { World } from './world.js';

/** A relay through all its lives; it keeps nothing between them. */
export class RelayHost {
  readonly name: string;
  readonly notifyAddress: string;
  readonly #above: readonly string[];
  readonly #world: World;
  #node: SimNode | undefined;
  #relay: Relay | undefined;
  #stopping = false;

  /** `above`: addresses of controllers, or of other relays. */
  constructor(world: World, name: string, above: readonly string[]) {
    this.#world = world;
    this.name = name;
    this.notifyAddress = `${name}:50001`;
    this.#above = above;
  }

  start(): void {
    if (this.#node) return;
    const { scheduler, random, network, report } = this.#world;
    const node = new SimNode(this.name, scheduler, random);
    this.#node = node;
    this.#stopping = false;
    const config = parseConfig(['--notifyAddrs', this.#above.join(','), '--name', this.name]);
    this.#relay = createRelay(config, {
      logger: this.#world.loggerOf(this.name),
      clock: node.clock,
      random: node.random,
      dial: network.dialer(node),
      door: {
        open: (server) =>
          network.listen(this.notifyAddress, node, (stream, caller) => server.accept(stream, caller)),
      },
    });
    this.#relay.start().catch((error: unknown) => {
      if (node.alive) report.fault(`${this.name} does not start: ${String(error)}`);
    });
  }

  /** Ends the process without its knowing. */
  kill(): void {
    this.#node?.kill();
    this.#node = undefined;
    this.#relay = undefined;
  }

  /** Ends the process in good order. */
  async stop(): Promise<void> {
    const node = this.#node;
    if (!node || !this.#relay || this.#stopping) return;
    this.#stopping = true;
    this.#world.network.close(this.notifyAddress, node);
    await this.#relay.stop();
    if (this.#node === node) this.kill();
  }
}
