import { rulesOf, type SavedRule, valueAfter } from '../network/saved-rules.js';

/**
 * Which iptables rules of netavark are left over. Netavark writes one DNAT rule for each published port, with the
 * network's name and the container's id in its comment, and a few rules for each subnet. It removes them with the
 * container, unless the process that was doing so got killed; then the old rule comes first and takes the traffic.
 */

/** One of our networks and who is truly on it. */
export interface NetworkUse {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly liveIds: ReadonlySet<string>;
  readonly liveAddresses: ReadonlySet<string>;
}

/** Arguments of one iptables call. */
export type FirewallStep = readonly string[];

/** The network and container a DNAT rule was made for. */
function dnatOwner(rule: SavedRule): { network: string; id: string } | undefined {
  const match = /^dnat name: (\S+) id: ([0-9a-f]+)$/.exec(valueAfter(rule, '--comment') ?? '');
  return match ? { network: match[1] ?? '', id: match[2] ?? '' } : undefined;
}

/** Steps that remove what `networks` no longer need, given the text of `iptables-save`. Rules of others are not touched. */
export function staleRules(saved: string, networks: readonly NetworkUse[]): FirewallStep[] {
  const rules = rulesOf(saved);
  const steps: FirewallStep[] = [];
  const chains = new Set<string>();
  const drop = (rule: SavedRule) => steps.push(['-t', rule.table, '-D', rule.chain, ...rule.words]);
  for (const network of networks) {
    const idle = network.liveIds.size === 0;
    const own = rules.filter((rule) => dnatOwner(rule)?.network === network.name);
    for (const rule of own) if (!network.liveIds.has(dnatOwner(rule)?.id ?? '')) drop(rule);
    const dnatChains = new Set(own.map((rule) => valueAfter(rule, '-j') ?? ''));
    if (!idle) {
      for (const rule of rules.filter((r) => dnatChains.has(r.chain))) {
        const address = valueAfter(rule, '--to-destination')?.split(':')[0];
        if (address !== undefined && !network.liveAddresses.has(address)) drop(rule);
      }
      continue;
    }
    for (const chain of dnatChains) chains.add(chain);
    const ofSubnet = (rule: SavedRule) =>
      network.subnets.some((s) => valueAfter(rule, '-s') === s || valueAfter(rule, '-d') === s);
    for (const rule of rules.filter(ofSubnet)) {
      if (rule.chain !== 'POSTROUTING' && rule.chain !== 'NETAVARK_FORWARD') continue;
      drop(rule);
      const target = valueAfter(rule, '-j') ?? '';
      if (target.startsWith('NETAVARK-')) {
        chains.add(target);
        // The DNAT chain carries the same hash and stays behind when the ports went first.
        const twin = target.replace(/^NETAVARK-/, 'NETAVARK-DN-');
        if (saved.includes(`:${twin} `)) chains.add(twin);
      }
    }
  }
  for (const chain of chains) steps.push(['-t', 'nat', '-F', chain], ['-t', 'nat', '-X', chain]);
  return steps;
}

const SHARED = [
  'NETAVARK_FORWARD',
  'NETAVARK-HOSTPORT-DNAT',
  'NETAVARK-HOSTPORT-MASQ',
  'NETAVARK-HOSTPORT-SETMARK',
];

export const hasSharedChains = (saved: string): boolean => SHARED.some((c) => saved.includes(`:${c} `));

/** Steps that remove netavark's shared chains, if no network of anybody uses them; else none. */
export function sharedChainRules(saved: string): FirewallStep[] {
  const declared = [...saved.matchAll(/^:(NETAVARK\S*) /gm)].map((m) => m[1] ?? '');
  const rules = rulesOf(saved);
  const used = rules.some((r) => r.chain === 'NETAVARK_FORWARD' || r.chain === 'NETAVARK-HOSTPORT-DNAT');
  if (used || declared.some((chain) => !SHARED.includes(chain))) return [];
  const jumps = rules.filter((r) => !SHARED.includes(r.chain) && SHARED.includes(valueAfter(r, '-j') ?? ''));
  return [
    ...jumps.map((r): FirewallStep => ['-t', r.table, '-D', r.chain, ...r.words]),
    ...declared.flatMap((chain): FirewallStep[] => {
      const table = chain === 'NETAVARK_FORWARD' ? 'filter' : 'nat';
      return [
        ['-t', table, '-F', chain],
        ['-t', table, '-X', chain],
      ];
    }),
  ];
}
