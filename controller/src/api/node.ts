import type { ObjectTable } from '@edgeplane/notify';
import { type KeyOf, OBJECTS, type ObjectOf } from '@edgeplane/objects';
import { NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import { type ServiceHandlers, serverStream } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { listPeerCall } from '../peers/peer-call.js';
import { matching, show } from './show.js';

type Node = ObjectOf<'Node'>;

/** How long any controller may take, milliseconds. */
const DEADLINE_MS = 3000;

/**
 * Who is connected where (controller spec section 18.2). Nodes are known only to the controller they talk to. Results
 * come in the order in which the controllers answer; one that does not is left out.
 */
export function nodeApi(
  context: ControllerContext,
  nodes: ObjectTable<Node, KeyOf<'Node'>>,
): ServiceHandlers<typeof NodeApiService> {
  const showLocal = context.peers.serve(
    listPeerCall(NodeApiService.showNodeLocal, async (filter) =>
      matching(OBJECTS.Node, nodes.values(), filter),
    ),
  );
  return {
    showNodeLocal: show(OBJECTS.Node, () => nodes.values()),
    showNode: serverStream(async (request, send, { signal }) => {
      const filter = OBJECTS.Node.normalize(request);
      // A node that moves from one controller to another may be known to both.
      const sent = new Set<string>();
      const control = { deadlineMs: DEADLINE_MS, signal };
      for await (const { reply = [] } of context.peers.askAll(showLocal, filter, control)) {
        for (const found of reply) {
          const node = OBJECTS.Node.normalize(found);
          const key = OBJECTS.Node.keyJsonOf(node);
          if (signal.aborted) return;
          if (sent.has(key)) continue;
          sent.add(key);
          await send(node);
        }
      }
    }),
  };
}
