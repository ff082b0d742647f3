import { OBJECTS } from '@edgeplane/objects';
import { AppInstInfoApiService } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';

/** What agents report of AppInsts, as long as they are connected. */
export function appInstInfoApi(
  context: ControllerContext,
  { appInstInfos }: LiveTables,
): ServiceHandlers<typeof AppInstInfoApiService> {
  const method = AppInstInfoApiService.showAppInstInfoLocal;
  const { local, everywhere } = showEverywhere(context, OBJECTS.AppInstInfo, method, () =>
    appInstInfos.values(),
  );
  return { showAppInstInfoLocal: local, showAppInstInfo: everywhere };
}
