import { shortHash } from '../../host-names.js';
import { addressAt, parseCidr } from './cidr.js';
import { rulesOf, type SavedRule, valueAfter } from './saved-rules.js';
import { GATEWAY_OFFSET } from './subnets.js';

/** A network for the nodes of one cluster. */
export interface ClusterNetwork {
  /** Name of its bridge, from {@link bridgeName}. */
  readonly bridge: string;
  /** Such as `10.240.7.0/24`. */
  readonly subnet: string;
  /** Address at which the host serves the public; nodes may use it as everybody else does. */
  readonly publicAddr: string;
}

/** Begins the name of every bridge of a cluster; no name that podman's networks get begins so. */
const BRIDGE_PREFIX = 'epn-';
/** Begins the name of every bridge that an agent makes, for clusters and for containers. */
const ANY_BRIDGE = 'ep+';

/** Interface names hold 15 characters. */
export function bridgeName(owner: string, keyJson: string): string {
  return `${BRIDGE_PREFIX}${shortHash(`${owner} ${keyJson}`).slice(0, 11)}`;
}

/** Marks bridges and rules of one owner. */
export const ownerMark = (owner: string): string => `edgeplane:${shortHash(owner)}`;

/**
 * What the packet filter has to do for a network. Nodes reach each other and the outside, behind the host's address;
 * they do not reach other clusters, containers of this host, addresses that are only of a link (as those where clouds
 * hand out credentials), nor the host itself, but for its public address and what it began. Nobody reaches nodes from
 * outside; the host does.
 */
export function clusterRules({ bridge, subnet, publicAddr }: ClusterNetwork): SavedRule[] {
  const gateway = addressAt(parseCidr(subnet) ?? { base: 0, prefix: 0 }, GATEWAY_OFFSET);
  const reply = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'];
  const isPublic = publicAddr !== '' && !/^(0\.|127\.)/.test(publicAddr);
  const forward = (...words: string[]) => ({ table: 'filter', chain: 'FORWARD', words });
  const input = (...words: string[]) => ({ table: 'filter', chain: 'INPUT', words });
  return [
    {
      table: 'nat',
      chain: 'POSTROUTING',
      words: ['-s', subnet, '!', '-d', subnet, '!', '-o', bridge, '-j', 'MASQUERADE'],
    },
    forward('-i', bridge, '-o', bridge, '-j', 'ACCEPT'),
    forward('-i', bridge, '-o', ANY_BRIDGE, '-j', 'DROP'),
    forward('-i', bridge, '-d', '169.254.0.0/16', '-j', 'DROP'),
    forward('-i', bridge, '-j', 'ACCEPT'),
    forward('-o', bridge, ...reply, '-j', 'ACCEPT'),
    forward('-o', bridge, '-j', 'DROP'),
    input('-i', bridge, ...reply, '-j', 'ACCEPT'),
    input('-i', bridge, '-d', gateway, '-p', 'icmp', '-j', 'ACCEPT'),
    ...(isPublic ? [input('-i', bridge, '-d', publicAddr, '-j', 'ACCEPT')] : []),
    input('-i', bridge, '-j', 'DROP'),
  ];
}

/** The comment says whose rule it is and what set it belongs to: the kernel gives rules back in other words. */
function commentOf(owner: string, network: ClusterNetwork): string {
  const rules = clusterRules(network);
  return `${ownerMark(owner)}:${network.bridge}:${shortHash(JSON.stringify(rules))}:${rules.length}`;
}

const commentIn = (rule: SavedRule): string => valueAfter(rule, '--comment') ?? '';

/** The bridge that a rule of this owner was made for. */
function bridgeOf(owner: string, rule: SavedRule): string | undefined {
  const comment = commentIn(rule);
  return comment.startsWith(`${ownerMark(owner)}:`) ? comment.split(':')[2] : undefined;
}

/** True when all rules of the network are there and no others of it. */
export function hasRules(saved: string, owner: string, network: ClusterNetwork): boolean {
  const mine = rulesOf(saved).filter((rule) => bridgeOf(owner, rule) === network.bridge);
  const wanted = commentOf(owner, network);
  return mine.length === clusterRules(network).length && mine.every((rule) => commentIn(rule) === wanted);
}

/** Bridges that rules of this owner name. */
export function ruledBridges(saved: string, owner: string): Set<string> {
  return new Set(
    rulesOf(saved)
      .map((rule) => bridgeOf(owner, rule))
      .filter((bridge) => bridge !== undefined),
  );
}

/**
 * Input of `iptables-restore --noflush` that takes away the rules of `bridge` and, with `network`, puts its rules before
 * those of others: what they let through or refuse must not depend on whoever came first. Each table changes at once.
 */
export function restoreInput(saved: string, owner: string, bridge: string, network?: ClusterNetwork): string {
  const old = rulesOf(saved).filter((rule) => bridgeOf(owner, rule) === bridge);
  const fresh = network ? clusterRules(network) : [];
  const comment = network ? ['-m', 'comment', '--comment', commentOf(owner, network)] : [];
  const lines: string[] = [];
  for (const table of ['filter', 'nat']) {
    const removed = old.filter((rule) => rule.table === table);
    const added = fresh.filter((rule) => rule.table === table);
    if (removed.length + added.length === 0) continue;
    lines.push(`*${table}`);
    for (const { chain, words } of removed) lines.push(`-D ${chain} ${words.map(quoted).join(' ')}`);
    const place = new Map<string, number>();
    for (const { chain, words } of added) {
      const at = (place.get(chain) ?? 0) + 1;
      place.set(chain, at);
      const target = words.indexOf('-j');
      const line = [...words.slice(0, target), ...comment, ...words.slice(target)];
      lines.push(`-I ${chain} ${at} ${line.join(' ')}`);
    }
    lines.push('COMMIT');
  }
  return lines.map((line) => `${line}\n`).join('');
}

const quoted = (word: string): string =>
  /^[\w.,:/+!-]+$/.test(word) ? word : `"${word.replace(/(["\\])/g, '\\$1')}"`;
