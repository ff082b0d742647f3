import { fail } from '@edgeplane/base';
import { portTaken } from '../engines/process/index.js';
import { agentErrors } from '../errors.js';
import { shortHash } from '../host-names.js';

/** Nobody but this host connects to them. */
export const INNER_ADDRESS = '127.0.0.1';

/** Below what the kernel gives to programs that do not care, and to Kubernetes' nodes. */
const FIRST = 20_000;
const COUNT = 10_000;

/** Port of the workload, to the port of this host's loopback address that leads to it. */
export type InnerPorts = ReadonlyMap<number, number>;

/**
 * Ports of the loopback address by which the load balancer reaches workloads that have no address of their own. An
 * instance keeps its ports until they are released.
 */
export class InnerPortPool {
  readonly #held = new Map<string, Map<number, number>>();
  readonly #used = new Set<number>();

  /** Notes what an earlier run has given out. */
  adopt(instance: string, ports: InnerPorts): void {
    this.#held.set(instance, new Map(ports));
    for (const port of ports.values()) this.#used.add(port);
  }

  /** One for each of the given ports; those that the instance has already, and others that nobody listens on. */
  async take(instance: string, ports: readonly number[]): Promise<InnerPorts> {
    const held = this.#held.get(instance) ?? new Map<number, number>();
    this.#held.set(instance, held);
    for (const port of ports) if (!held.has(port)) held.set(port, await this.#free(`${instance} ${port}`));
    return new Map(ports.map((port) => [port, held.get(port) ?? 0]));
  }

  release(instance: string): void {
    for (const port of this.#held.get(instance)?.values() ?? []) this.#used.delete(port);
    this.#held.delete(instance);
  }

  /** Begins where the name says, so that agents of one host seldom want the same. */
  async #free(name: string): Promise<number> {
    const start = Number.parseInt(shortHash(name), 16) % COUNT;
    for (let i = 0; i < COUNT; i++) {
      const port = FIRST + ((start + i) % COUNT);
      if (this.#used.has(port)) continue;
      // Before it is tried, so that nobody else tries it meanwhile.
      this.#used.add(port);
      if ((await portTaken({ layer: 'tcp', address: INNER_ADDRESS, port })) === undefined) return port;
      this.#used.delete(port);
    }
    throw fail(agentErrors.NO_INNER_PORT, { first: FIRST, last: FIRST + COUNT - 1, address: INNER_ADDRESS });
  }
}
