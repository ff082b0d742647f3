import { OBJECTS } from '@edgeplane/objects';
import { NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';

/** Who is connected where (controller spec section 18.2). */
export function nodeApi(
  context: ControllerContext,
  { nodes }: LiveTables,
): ServiceHandlers<typeof NodeApiService> {
  const { local, everywhere } = showEverywhere(context, OBJECTS.Node, NodeApiService.showNodeLocal, () =>
    nodes.values(),
  );
  return { showNodeLocal: local, showNode: everywhere };
}
