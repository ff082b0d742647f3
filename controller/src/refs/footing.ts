import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { IpAccess } from '@edgeplane/proto/edgeproto/common.js';
import { dedicatedLabels, sharedLabels } from '../deploy/fqdn.js';
import { isDefaultCloudlet, needsCluster } from '../names.js';

/**
 * Where an AppInst is counted: in the refs of its cluster, as a machine in those of its cloudlet (vm), or nowhere (default
 * cloudlet, and instances whose cluster is gone).
 */
export type Footing = 'cluster' | 'machine' | 'none';

export function footingOf(
  inst: AppInst,
  app: Pick<App, 'deployment'> | undefined,
  cluster: ClusterInst | undefined,
): Footing {
  if (isDefaultCloudlet(inst.key?.clusterInstKey?.cloudletKey)) return 'none';
  if (app && !needsCluster(app.deployment)) return 'machine';
  return cluster ? 'cluster' : 'none';
}

/**
 * Whether the public ports of an AppInst are on its cloudlet's shared load balancer; those of a dedicated cluster are its
 * own. Its address tells, which is from when it got its ports: the cluster may have been made anew since.
 */
export function isOnSharedBalancer(
  inst: AppInst,
  footing: Footing,
  cluster: ClusterInst | undefined,
): boolean {
  const key = inst.key?.clusterInstKey;
  if (!key || isDefaultCloudlet(key.cloudletKey) || !inst.mappedPorts.some((p) => p.publicPort !== 0)) {
    return false;
  }
  const shared = inst.uri.startsWith(sharedLabels(key.cloudletKey));
  // Addresses of older data, and those where cluster, cloudlet and operator have one name, tell nothing.
  const tells = shared !== inst.uri.startsWith(dedicatedLabels(key));
  if (footing === 'cluster' && !tells) return cluster?.ipAccess === IpAccess.IP_ACCESS_SHARED;
  return shared;
}
