import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';

/** Names with a meaning of their own (controller spec section 9.7). */

/** Operator of the default cloudlet; nobody may create an operator of this name. */
export const DEFAULT_OPERATOR = 'developer';
const DEFAULT_CLOUDLET = 'default';
/** The developer whose Apps may run on everybody's clusters. */
export const PRIVILEGED_DEVELOPER = 'MobiledgeX';
/** Clusters whose names begin like this are made and deleted along with AppInsts. */
export const AUTO_CLUSTER_PREFIX = 'autocluster';

/** The default cloudlet stands for what runs outside of all sites; there is no agent for it. */
export function isDefaultCloudlet(key: CloudletKey | undefined): boolean {
  return key?.operatorKey?.name === DEFAULT_OPERATOR && key.name === DEFAULT_CLOUDLET;
}

export function isAutoClusterName(name: string): boolean {
  return name.startsWith(AUTO_CLUSTER_PREFIX);
}

export const DEPLOYMENT_TYPES = ['kubernetes', 'vm', 'helm', 'docker'] as const;

/** Whether instances of an App run on a ClusterInst. */
export function needsCluster(deployment: string): boolean {
  return deployment !== 'vm';
}

/** What a ClusterInst must be for an App: Helm charts go to Kubernetes. */
export function clusterDeployment(deployment: string): string {
  return deployment === 'helm' ? 'kubernetes' : deployment;
}
