import { OBJECTS } from '@edgeplane/objects';
import { ClusterInstInfoApiService } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';

/** What agents report of ClusterInsts, as long as they are connected. */
export function clusterInstInfoApi(
  context: ControllerContext,
  { clusterInstInfos }: LiveTables,
): ServiceHandlers<typeof ClusterInstInfoApiService> {
  const method = ClusterInstInfoApiService.showClusterInstInfoLocal;
  const { local, everywhere } = showEverywhere(context, OBJECTS.ClusterInstInfo, method, () =>
    clusterInstInfos.values(),
  );
  return { showClusterInstInfoLocal: local, showClusterInstInfo: everywhere };
}
