import { fail } from '@edgeplane/base';
import type { FlavorInfo } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';
import { controllerErrors } from '../errors.js';

/**
 * The smallest platform flavor that holds the wanted one: by vcpus, then ram, then disk (controller spec section 13.4).
 * @returns its name.
 * @throws EdgeplaneError NO_PLATFORM_FLAVOR
 */
export function matchFlavor(offered: readonly FlavorInfo[], wanted: Flavor): string {
  const bySize = [...offered].sort(
    (a, b) => compare(a.vcpus, b.vcpus) || compare(a.ram, b.ram) || compare(a.disk, b.disk),
  );
  const found = bySize.find((f) => f.vcpus >= wanted.vcpus && f.ram >= wanted.ram && f.disk >= wanted.disk);
  if (!found) throw fail(controllerErrors.NO_PLATFORM_FLAVOR, { flavor: wanted.key?.name ?? '' });
  return found.name;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
