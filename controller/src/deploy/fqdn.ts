import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { dnsName } from './sanitize.js';

/** Names under which instances are reached (controller spec section 9.6). */

/** Labels of a cloudlet's shared load balancer, with the dot after them: the name without the root domain. */
export function sharedLabels(cloudlet: CloudletKey | undefined): string {
  return `${dnsName(cloudlet?.name ?? '')}.${dnsName(cloudlet?.operatorKey?.name ?? '')}.`;
}

/** Load balancer that the shared clusters of a cloudlet use. */
export function sharedFqdn(cloudlet: CloudletKey | undefined, rootDomain: string): string {
  return `${sharedLabels(cloudlet)}${rootDomain}`;
}

/** Labels of a dedicated cluster's load balancer, as {@link sharedLabels}. */
export function dedicatedLabels(cluster: ClusterInstKey | undefined): string {
  return `${dnsName(cluster?.clusterKey?.name ?? '')}.${sharedLabels(cluster?.cloudletKey)}`;
}

/** Load balancer of a dedicated cluster. */
export function dedicatedFqdn(cluster: ClusterInstKey | undefined, rootDomain: string): string {
  return `${dedicatedLabels(cluster)}${rootDomain}`;
}

/** Name of one App where each service has an address of its own. */
export function appFqdn(
  app: AppKey | undefined,
  cluster: ClusterInstKey | undefined,
  rootDomain: string,
): string {
  return `${dnsName(app?.developerKey?.name ?? '')}${appAndVersion(app)}.${dedicatedFqdn(cluster, rootDomain)}`;
}

/** URL path that leads to an HTTP port of an App, without leading slash. */
export function httpPath(app: AppKey | undefined, internalPort: number): string {
  return `${dnsName(app?.developerKey?.name ?? '')}/${appAndVersion(app)}/p${internalPort}`;
}

function appAndVersion(app: AppKey | undefined): string {
  return `${dnsName(app?.name ?? '')}${dnsName(app?.version ?? '')}`;
}
