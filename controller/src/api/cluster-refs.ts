import { OBJECTS } from '@edgeplane/objects';
import type { ClusterRefsApiService } from '@edgeplane/proto/edgeproto/refs.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { showCache } from './show.js';

/** What is used of ClusterInsts: the Apps on each, and their resources. */
export function clusterRefsApi(context: ControllerContext): ServiceHandlers<typeof ClusterRefsApiService> {
  return { showClusterRefs: showCache(OBJECTS.ClusterRefs, context.caches.clusterRefs) };
}
