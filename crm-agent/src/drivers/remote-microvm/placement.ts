import { shortHash } from '../../host-names.js';
import { addressNumber, addressText, type HostNetwork } from './hosts-file.js';

/** A host as the choice sees it. */
export interface HostLoad {
  readonly address: string;
  /** Machines of ours that are there or on their way. */
  readonly count: number;
  /** Failed lately. */
  readonly failing: boolean;
  /** Whether its machines can be reached from here. */
  readonly reached: boolean;
}

/**
 * Where a machine goes: hosts do not tell what room they have, so machines are spread by number. One that failed lately is
 * taken only when there is no other. Of equals the name decides, so that the same machine goes to the same host again.
 * Pure. @returns undefined when there is none
 */
export function chooseHost(
  name: string,
  reached: boolean,
  hosts: readonly HostLoad[],
  excluded: ReadonlySet<string>,
): string | undefined {
  const rank = ({ address, count, failing }: HostLoad) =>
    [failing ? 1 : 0, count, shortHash(`${name} ${address}`)] as const;
  const able = hosts.filter((host) => !excluded.has(host.address) && (host.reached || !reached));
  const sorted = able
    .map((host) => ({ host, rank: rank(host) }))
    .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || (a.rank[2] < b.rank[2] ? -1 : 1));
  return sorted[0]?.host.address;
}

/** The lowest address that nobody has; undefined when all are taken. */
export function freeAddress({ first, last }: HostNetwork, taken: ReadonlySet<string>): string | undefined {
  for (let number = addressNumber(first); number <= addressNumber(last); number++)
    if (!taken.has(addressText(number))) return addressText(number);
  return undefined;
}
