import { messageOf } from '@edgeplane/base';
import type { ObjectTable } from '@edgeplane/notify';
import { type KeyOf, OBJECTS, type ObjectOf } from '@edgeplane/objects';
import { NodeApiClient, type NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import { callStream, connect, type ServiceHandlers, serverStream, type TlsMaterial } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import { matching, show } from './handlers.js';

type Node = ObjectOf<'Node'>;

/** How long another controller may take, milliseconds. */
const REMOTE_DEADLINE_MS = 3000;

/** Who is connected where (controller spec section 18.2). Nodes are known only to the controller they talk to. */
export function nodeApi(
  context: ControllerContext,
  nodes: ObjectTable<Node, KeyOf<'Node'>>,
  tls: TlsMaterial | undefined,
): ServiceHandlers<typeof NodeApiService> {
  return {
    showNodeLocal: show(OBJECTS.Node, () => nodes.values()),
    showNode: serverStream(async (request, send, call) => {
      const filter = OBJECTS.Node.normalize(request);
      const others = context.caches.controllers
        .values()
        .map((controller) => controller.key?.addr ?? '')
        .filter((addr) => addr !== '' && addr !== context.ownAddress());
      const remote = await Promise.all(
        others.map((addr) => nodesOf(context, addr, filter, tls, call.signal)),
      );
      // One controller after another on one stream, each node once.
      const found = new Map<string, Node>();
      for (const node of [...remote.flat(), ...matching(OBJECTS.Node, nodes.values(), filter)]) {
        found.set(OBJECTS.Node.keyJsonOf(node), node);
      }
      for (const node of matching(OBJECTS.Node, found.values(), filter)) {
        if (call.signal.aborted) return;
        await send(node);
      }
    }),
  };
}

/** Nodes of another controller; none when it does not answer in time. */
async function nodesOf(
  context: ControllerContext,
  addr: string,
  filter: Node,
  tls: TlsMaterial | undefined,
  signal: AbortSignal,
): Promise<Node[]> {
  const found: Node[] = [];
  try {
    const client = connect(NodeApiClient, addr, tls);
    try {
      const control = { signal, deadlineMs: REMOTE_DEADLINE_MS };
      for await (const node of callStream(client, 'showNodeLocal', filter, control)) {
        found.push(OBJECTS.Node.normalize(node));
      }
    } finally {
      client.close();
    }
  } catch (error) {
    context.logger.warn(
      { controller: addr, reason: messageOf(error) },
      'A controller did not show its nodes',
    );
  }
  return found;
}
