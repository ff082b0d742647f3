import { OBJECTS } from '@edgeplane/objects';
import { CloudletMetricsApiService } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';
import { youngest } from './youngest.js';

/** What hosts of Cloudlets use; of several controllers that know of one, the latest sample counts. */
export function cloudletMetricsApi(
  context: ControllerContext,
  { metrics }: LiveTables,
): ServiceHandlers<typeof CloudletMetricsApiService> {
  const { local, everywhere } = showEverywhere(
    context,
    OBJECTS.CloudletMetrics,
    CloudletMetricsApiService.showCloudletMetricsLocal,
    () => metrics.cloudlets.values(),
    youngest,
  );
  return { showCloudletMetricsLocal: local, showCloudletMetrics: everywhere };
}
