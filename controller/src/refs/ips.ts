import { fail } from '@edgeplane/base';
import type { Cloudlet, CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { IpAccess, IpSupport } from '@edgeplane/proto/edgeproto/common.js';
import type { CloudletRefs } from '@edgeplane/proto/edgeproto/refs.js';
import { controllerErrors } from '../errors.js';

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
 * Gives a cluster its way of access (controller spec section 13.5). One dynamic address is kept for the shared load
 * balancer.
 * @throws EdgeplaneError NO_DYNAMIC_IPS, STATIC_IPS, IP_SUPPORT
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
      throw fail(controllerErrors.STATIC_IPS);
    default:
      throw fail(controllerErrors.IP_SUPPORT);
  }
}

/** Takes back what {@link grantIp} counted, and only that. */
export function releaseIp(refs: CloudletRefs, allocatedIp: string): CloudletRefs {
  if (allocatedIp !== DYNAMIC_IP) return refs;
  return { ...refs, usedDynamicIps: Math.max(0, refs.usedDynamicIps - 1) };
}
