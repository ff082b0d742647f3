import { OBJECTS } from '@edgeplane/objects';
import type { CloudletRefsApiService } from '@edgeplane/proto/edgeproto/refs.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { showCache } from './show.js';

/** What is used of cloudlets (controller spec section 16.4). */
export function cloudletRefsApi(context: ControllerContext): ServiceHandlers<typeof CloudletRefsApiService> {
  return { showCloudletRefs: showCache(OBJECTS.CloudletRefs, context.caches.cloudletRefs) };
}
