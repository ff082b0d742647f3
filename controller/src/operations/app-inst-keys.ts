import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';

/** Parts of the key of an AppInst; what is missing is empty. */

export const NO_CLUSTER: ClusterInstKey = {
  clusterKey: { name: '' },
  cloudletKey: { operatorKey: { name: '' }, name: '' },
  developer: '',
};

export function clusterOf(key: AppInstKey): ClusterInstKey {
  return key.clusterInstKey ?? NO_CLUSTER;
}

export function cloudletOf(key: AppInstKey): CloudletKey {
  return clusterOf(key).cloudletKey ?? { operatorKey: { name: '' }, name: '' };
}

export function developerOf(key: AppInstKey): string {
  return key.appKey?.developerKey?.name ?? '';
}
