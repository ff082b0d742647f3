import { fail } from '@edgeplane/base';
import type { Cloudlet, CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { IpAccess, IpSupport } from '@edgeplane/proto/edgeproto/common.js';
import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { controllerErrors } from '../errors.js';
import { compareAddresses, IpRanges } from './ip-ranges.js';

/** `allocated_ip` of a cluster whose address the site chooses. */
export const DYNAMIC_IP = 'dynamic';

const PER_SERVICE_IP_OPERATORS: ReadonlySet<string> = new Set(['gcp', 'azure']);

/** Operators whose platform gives every service an address of its own (controller spec section 9.7). */
export function givesServiceIps(cloudlet: CloudletKey | undefined): boolean {
  return PER_SERVICE_IP_OPERATORS.has(cloudlet?.operatorKey?.name ?? '');
}

export interface IpGrant {
  readonly refs: CloudletRefs;
  readonly ipAccess: IpAccess;
  readonly allocatedIp: string;
}

/**
 * Gives a cluster its way of access (controller spec section 13.5). One address is kept for the shared load balancer: one
 * of the dynamic ones, or the first of the static ones.
 * @throws EdgeplaneError NO_DYNAMIC_IPS, NO_STATIC_IPS, STATIC_IPS_SYNTAX, IP_SUPPORT
 */
export function grantIp(refs: CloudletRefs, cloudlet: Cloudlet, wanted: IpAccess): IpGrant {
  if (givesServiceIps(cloudlet.key)) {
    return { refs, ipAccess: IpAccess.IP_ACCESS_DEDICATED, allocatedIp: '' };
  }
  if (wanted !== IpAccess.IP_ACCESS_DEDICATED) {
    return { refs, ipAccess: IpAccess.IP_ACCESS_SHARED, allocatedIp: '' };
  }
  switch (cloudlet.ipSupport) {
    case IpSupport.IP_SUPPORT_DYNAMIC:
      if (refs.usedDynamicIps + 1 >= cloudlet.numDynamicIps) throw fail(controllerErrors.NO_DYNAMIC_IPS);
      return {
        refs: { ...refs, usedDynamicIps: refs.usedDynamicIps + 1 },
        ipAccess: wanted,
        allocatedIp: DYNAMIC_IP,
      };
    case IpSupport.IP_SUPPORT_STATIC:
      return { ...grantStatic(refs, cloudlet), ipAccess: wanted };
    default:
      throw fail(controllerErrors.IP_SUPPORT);
  }
}

function grantStatic(refs: CloudletRefs, cloudlet: Cloudlet): Pick<IpGrant, 'refs' | 'allocatedIp'> {
  const ranges = IpRanges.parse(cloudlet.staticIps);
  const used = new Set(staticIpsIn(refs));
  const { first } = ranges;
  const allocatedIp = ranges.find((address) => address !== first && !used.has(address));
  if (allocatedIp === undefined) {
    throw fail(controllerErrors.NO_STATIC_IPS, { used: used.size, total: ranges.count });
  }
  return { refs: withStaticIps(refs, [...used, allocatedIp]), allocatedIp };
}

/** Takes back what {@link grantIp} counted, and only that. */
export function releaseIp(refs: CloudletRefs, allocatedIp: string): CloudletRefs {
  if (allocatedIp === '') return refs;
  if (allocatedIp === DYNAMIC_IP) {
    return { ...refs, usedDynamicIps: Math.max(0, refs.usedDynamicIps - 1) };
  }
  const left = staticIpsIn(refs).filter((address) => address !== allocatedIp);
  return withStaticIps(refs, left);
}

/** Counts an address that a cluster has, as {@link grantIp} did when it gave it. */
export function countIp(refs: CloudletRefs, allocatedIp: string): CloudletRefs {
  if (allocatedIp === '') return refs;
  if (allocatedIp === DYNAMIC_IP) return { ...refs, usedDynamicIps: refs.usedDynamicIps + 1 };
  return withStaticIps(refs, [...staticIpsIn(refs), allocatedIp]);
}

/** Static addresses in use. */
export function staticIpsIn(refs: CloudletRefs): string[] {
  return refs.usedStaticIps === '' ? [] : refs.usedStaticIps.split(',');
}

function withStaticIps(refs: CloudletRefs, addresses: readonly string[]): CloudletRefs {
  return { ...refs, usedStaticIps: [...new Set(addresses)].sort(compareAddresses).join(',') };
}
