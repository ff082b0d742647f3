import { fail } from '@edgeplane/base';
import type { CloudletInfo } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { controllerErrors } from '../errors.js';
import { totalUse } from './resources.js';

/** When limits are enforced: where the agent says that its limits are binding, everywhere, or nowhere. */
export const CAPACITY_MODES = ['binding', 'always', 'never'] as const;
export type CapacityMode = (typeof CAPACITY_MODES)[number];

/**
 * Refuses what takes more of a cloudlet than it has. A limit of 0 is one that was not reported, as by an agent that could
 * not find out what its site has. What takes nothing more is never refused, whatever is in use already.
 * @throws EdgeplaneError CAPACITY naming each constraint that does not hold, with its numbers
 */
export function checkCapacity(
  before: CloudletRefs,
  after: CloudletRefs,
  info: CloudletInfo | undefined,
  mode: CapacityMode,
): void {
  if (!info || mode === 'never' || (mode === 'binding' && !info.limitsBinding)) return;
  const [used, then] = [totalUse(before), totalUse(after)];
  const broken = [
    explain('RAM', 'MB', used.ram, then.ram, info.osMaxRam),
    explain('vCPUs', '', used.vcpus, then.vcpus, info.osMaxVcores),
    explain('disk', 'GB', used.disk, then.disk, info.osMaxVolGb),
  ].filter((text) => text !== undefined);
  if (broken.length === 0) return;
  const { operatorKey, name = '' } = before.key ?? {};
  const cloudlet = `${operatorKey?.name ?? ''}/${name}`;
  throw fail(controllerErrors.CAPACITY, { cloudlet, constraints: broken.join('; ') });
}

function explain(what: string, unit: string, used: bigint, then: bigint, limit: bigint): string | undefined {
  if (limit === 0n || then <= used || then <= limit) return undefined;
  const amount = (value: bigint) => (unit === '' ? `${value}` : `${value} ${unit}`);
  return `${what}: ${amount(then - used)} wanted, ${amount(used)} of ${amount(limit)} in use`;
}
