import { fail } from '@edgeplane/base';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { agentErrors } from './errors.js';

/** Drivers by the name that `--platform` takes. */
export const PLATFORM_NAMES = [
  'fakecloudlet',
  'local',
  'microvm',
  'vm-cluster',
  'remote-provider',
  'remote-microvm',
] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

/**
 * The platform of an agent: the flag, else the variable PLATFORM, else the operator's name (spec section 9.1).
 * @throws EdgeplaneError listing the known ones.
 */
export function choosePlatform(
  flag: string,
  variable: string | undefined,
  cloudletKey: CloudletKey,
): PlatformName {
  const name = flag || variable || (cloudletKey.operatorKey?.name ?? '');
  const known = PLATFORM_NAMES.find((p) => p === name);
  if (!known) throw fail(agentErrors.UNKNOWN_PLATFORM, { name, known: PLATFORM_NAMES.join(', ') });
  return known;
}
