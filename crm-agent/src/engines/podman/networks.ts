import { fail, isKind } from '@edgeplane/base';
import type { Labels } from './api-caller.js';
import type { ContainerInspect, NetworkInspect } from './api-types.js';
import type { PodmanClient } from './client.js';
import { podmanErrors } from './errors.js';
import { shortHash } from './layout.js';
import { checkName, LABEL } from './spec.js';
import type { OwnNetwork } from './sweep.js';

/** Networks of one owner. */
export class Networks {
  readonly #client: PodmanClient;
  readonly #owner: string;
  readonly #stateDir: string;

  constructor(client: PodmanClient, owner: string, stateDir: string) {
    this.#client = client;
    this.#owner = owner;
    this.#stateDir = stateDir;
  }

  /**
   * Podman's name for a network. Firewall chains, addresses given out and name-server files are kept by network name
   * for the host as a whole, so the name must differ between agents and between
   * the state directories of one.
   */
  podmanName(name: string): string {
    return `${name}-${shortHash(`${this.#owner} ${this.#stateDir}`, 8)}`;
  }

  /** Makes the network unless it is there; returns podman's name for it. */
  async ensure(name: string, labels: Labels = {}): Promise<string> {
    checkName('network', name);
    const full = this.podmanName(name);
    if (await this.#client.networks.exists(full)) return full;
    try {
      await this.#client.networks.create({
        name: full,
        // Interface names hold 15 characters; this one is found again by whoever looks at the host.
        network_interface: `ep${shortHash(full, 12)}`,
        dns_enabled: true,
        labels: { ...labels, [LABEL.owner]: this.#owner, [LABEL.network]: name },
      });
    } catch (error) {
      // Somebody else made it in between.
      if (!(await this.#client.networks.exists(full))) throw error;
    }
    return full;
  }

  /**
   * Refused while containers are on it; undefined when it is not there. What was removed is given back, as netavark may have
   * been kept from removing its rules, and nobody else would know that they were a network's.
   */
  async remove(name: string): Promise<OwnNetwork | undefined> {
    const full = this.podmanName(name);
    try {
      const [found] = (await this.use([])).filter((network) => network.name === full);
      await this.#client.networks.remove(full);
      return found;
    } catch (error) {
      if (isKind(error, podmanErrors.PODMAN_NOT_FOUND)) return undefined;
      if (isKind(error, podmanErrors.PODMAN_FAILED) || isKind(error, podmanErrors.PODMAN_CONFLICT)) {
        throw fail(
          podmanErrors.PODMAN_CONFLICT,
          { kind: 'network', name, reason: error.message },
          { cause: error },
        );
      }
      throw error;
    }
  }

  list(): Promise<NetworkInspect[]> {
    return this.#client.networks.list({ [LABEL.owner]: this.#owner });
  }

  /** Each of our networks with the containers that truly run on it. */
  async use(containers: readonly ContainerInspect[]): Promise<OwnNetwork[]> {
    const live = containers.filter((c) => c.State.Running);
    return (await this.list()).map((network) => {
      const on = live.filter((c) => c.NetworkSettings.Networks?.[network.name] !== undefined);
      const addresses = on.map((c) => c.NetworkSettings.Networks?.[network.name]?.IPAddress ?? '');
      return {
        name: network.name,
        bridge: network.network_interface,
        subnets: (network.subnets ?? []).map((s) => s.subnet),
        liveIds: new Set(on.map((c) => c.Id)),
        liveAddresses: new Set(addresses.filter(Boolean)),
      };
    });
  }
}
