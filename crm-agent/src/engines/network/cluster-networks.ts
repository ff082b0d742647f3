import { readFile, writeFile } from 'node:fs/promises';
import { fail, type Logger, messageOf } from '@edgeplane/base';
import { addressAt, overlaps, parseCidr } from './cidr.js';
import {
  bridgeName,
  type ClusterNetwork,
  hasRules,
  ownerMark,
  restoreInput,
  ruledBridges,
} from './cluster-rules.js';
import { networkErrors } from './errors.js';
import { type AddressJson, type LinkJson, type RouteJson, usedBlocks } from './host-links.js';
import { chooseSubnet, GATEWAY_OFFSET } from './subnets.js';
import { mayFail, runTool } from './tools.js';

const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

export interface ClusterNetworksOptions {
  /** Marks bridges and rules; differs between the agents of a host. */
  readonly owner: string;
  readonly logger: Logger;
}

/**
 * Networks of clusters on this host: a bridge each, with an address of the host and rules of the packet filter. The kernel
 * is the truth: every call looks at it and may be repeated, also after having been cut off anywhere. Callers make one call
 * at a time for one network.
 */
export class ClusterNetworks {
  readonly #owner: string;
  readonly #logger: Logger;

  constructor({ owner, logger }: ClusterNetworksOptions) {
    this.#owner = owner;
    this.#logger = logger;
  }

  /** Why networks cannot be made here; undefined when they can. Finds out by making one. */
  async unavailable(): Promise<string | undefined> {
    const bridge = bridgeName(this.#owner, `probe ${process.pid}`);
    const network = { bridge, subnet: '192.0.2.0/24', publicAddr: '' };
    try {
      await runTool('ip', ['link', 'add', bridge, 'type', 'bridge']);
      await this.#ensureRules(network);
      await allowForwarding();
      return undefined;
    } catch (error) {
      return messageOf(error);
    } finally {
      await this.remove(bridge).catch(() => undefined);
    }
  }

  bridgeName(keyJson: string): string {
    return bridgeName(this.#owner, keyJson);
  }

  /** A subnet that nothing on the host uses, nor any of `others`. */
  async chooseSubnet(others: readonly string[], seed: number): Promise<string> {
    const used = await this.#used('');
    return chooseSubnet([...used.map(({ block }) => block), ...others], seed);
  }

  /** @throws SUBNET_TAKEN naming the interface when the host has come to use the subnet otherwise. */
  async ensure(network: ClusterNetwork): Promise<void> {
    const { bridge, subnet } = network;
    const block = parseCidr(subnet);
    if (!block) throw new RangeError(`not a subnet: ${subnet}`);
    for (const { block: text, device } of await this.#used(bridge)) {
      const other = parseCidr(text);
      if (other && other.prefix > 0 && overlaps(other, block))
        throw fail(networkErrors.SUBNET_TAKEN, { subnet, network: bridge, other: `${text} of ${device}` });
    }
    if (!(await this.#links()).some(({ ifname }) => ifname === bridge))
      await runTool('ip', ['link', 'add', bridge, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0']);
    await runTool('ip', ['link', 'set', bridge, 'alias', ownerMark(this.#owner)]);
    // The filter knows nothing of IPv6, so there is none: without an address the host cannot be reached by it.
    await writeFile(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, '1').catch(() => undefined);
    // Before the first packet.
    await this.#ensureRules(network);
    const address = `${addressAt(block, GATEWAY_OFFSET)}/${block.prefix}`;
    await runTool('ip', ['address', 'replace', address, 'dev', bridge]);
    await runTool('ip', ['link', 'set', bridge, 'up']);
    await allowForwarding();
  }

  /** Removes the bridge and its rules; nothing there is success. */
  async remove(bridge: string): Promise<void> {
    await mayFail(runTool('ip', ['link', 'delete', bridge]), /Cannot find device/);
    const saved = await runTool('iptables-save', []);
    const input = restoreInput(saved, this.#owner, bridge);
    if (input !== '') await runTool('iptables-restore', ['--noflush', '-w', '10'], input);
  }

  /** Removes every network of this owner that is not among `known`. */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    const mark = ownerMark(this.#owner);
    const bridges = (await this.#links()).filter((link) => link.ifalias === mark).map((l) => l.ifname ?? '');
    const ruled = ruledBridges(await runTool('iptables-save', []), this.#owner);
    for (const bridge of new Set([...bridges, ...ruled])) {
      if (known.has(bridge)) continue;
      this.#logger.info({ bridge }, 'Removing a network that no cluster has');
      await this.remove(bridge);
    }
  }

  async #ensureRules(network: ClusterNetwork): Promise<void> {
    const saved = await runTool('iptables-save', []);
    if (hasRules(saved, this.#owner, network)) return;
    const input = restoreInput(saved, this.#owner, network.bridge, network);
    await runTool('iptables-restore', ['--noflush', '-w', '10'], input);
  }

  async #links(): Promise<LinkJson[]> {
    return JSON.parse(await runTool('ip', ['-j', 'link', 'show'])) as LinkJson[];
  }

  async #used(except: string) {
    const addresses = JSON.parse(await runTool('ip', ['-j', 'address', 'show'])) as AddressJson[];
    const routes = await runTool('ip', ['-j', '-4', 'route', 'show', 'table', 'all']);
    return usedBlocks(addresses, JSON.parse(routes || '[]') as RouteJson[], except);
  }
}

/** For the host as a whole, as containers need it too; it stays. */
async function allowForwarding(): Promise<void> {
  if ((await readFile(FORWARDING, 'utf8')).trim() !== '1') await writeFile(FORWARDING, '1');
}
