import { fail } from '@edgeplane/base';
import { type Cidr, cidrText, overlaps, parseCidr, sizeOf } from './cidr.js';
import { networkErrors } from './errors.js';

/** Where subnets of clusters are taken from; the agent's podman uses lower parts of 10.0.0.0/8. */
const POOL: Cidr = { base: 10 * 2 ** 24 + 240 * 2 ** 16, prefix: 13 };
/** The gateway and up to 252 nodes. */
const PREFIX = 24;

/** Address of the host in a subnet, counted from its first. */
export const GATEWAY_OFFSET = 1;
export const FIRST_NODE_OFFSET = 2;
/** The last address is for broadcasts. */
export const MAX_NODES = 2 ** (32 - PREFIX) - FIRST_NODE_OFFSET - 1;

/**
 * A subnet that overlaps with nothing in `used`, which may hold anything that routes are written with. The search begins
 * at `seed`, so that agents that choose at the same time rarely choose the same.
 */
export function chooseSubnet(used: readonly string[], seed: number): string {
  const taken = used.map(parseCidr).filter((cidr) => cidr !== undefined);
  // A default route is everywhere and says nothing about who lives there.
  const blocks = taken.filter(({ prefix }) => prefix > 0);
  const count = sizeOf(POOL) / 2 ** (32 - PREFIX);
  for (let i = 0; i < count; i++) {
    const at = (seed + i) % count;
    const subnet = { base: POOL.base + at * 2 ** (32 - PREFIX), prefix: PREFIX };
    if (!blocks.some((block) => overlaps(block, subnet))) return cidrText(subnet);
  }
  throw fail(networkErrors.NO_SUBNET_FREE, { pool: cidrText(POOL), count });
}
