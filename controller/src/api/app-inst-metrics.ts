import { OBJECTS } from '@edgeplane/objects';
import { AppInstMetricsApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';
import { youngest } from './youngest.js';

/** What instances use; of several controllers that know of one, the latest sample counts. */
export function appInstMetricsApi(
  context: ControllerContext,
  { metrics }: LiveTables,
): ServiceHandlers<typeof AppInstMetricsApiService> {
  const { local, everywhere } = showEverywhere(
    context,
    OBJECTS.AppInstMetrics,
    AppInstMetricsApiService.showAppInstMetricsLocal,
    () => metrics.appInsts.values(),
    youngest,
  );
  return { showAppInstMetricsLocal: local, showAppInstMetrics: everywhere };
}
