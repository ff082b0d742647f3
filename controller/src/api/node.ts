import type { NotifyServer, PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { type Node, NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { LiveTables } from '../notify/notify-server.js';
import { showEverywhere } from './everywhere.js';

/** Who is connected where, and how that goes (controller spec section 18.2). */
export function nodeApi(
  context: ControllerContext,
  { nodes }: LiveTables,
  server: Pick<NotifyServer, 'peers' | 'stale'>,
): ServiceHandlers<typeof NodeApiService> {
  const { local, everywhere } = showEverywhere(context, OBJECTS.Node, NodeApiService.showNodeLocal, () => {
    const peers = new Map(server.peers().map((peer) => [peer.id, peer]));
    const { stale } = server;
    return Array.from(nodes.values(), (node) =>
      withSession(node, peers.get(node.notifyId), stale.get(node.notifyId)),
    );
  });
  return { showNodeLocal: local, showNode: everywhere };
}

function withSession(node: Node, peer: PeerInfo | undefined, staleSince: number | undefined): Node {
  return {
    ...node,
    notifyVersion: peer?.version ?? 0,
    staleSinceMs: BigInt(staleSince ?? 0),
    refusedObjects: Array.from(peer?.refusals ?? [], ([name, reason]) => `${name}: ${reason}`),
  };
}
