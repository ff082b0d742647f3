import type { PeerInfo, Receiver } from '@edgeplane/notify';
import { ObjectTable } from '@edgeplane/notify';
import { type KeyOf, OBJECTS, type ObjectOf } from '@edgeplane/objects';

type Node = ObjectOf<'Node'>;

/** Nodes that are connected to this controller (controller spec section 18.2): in memory, gone with their connection. */
export class NodeReceiver implements Receiver<Node, KeyOf<'Node'>> {
  readonly type = OBJECTS.Node;
  readonly table = new ObjectTable(OBJECTS.Node);

  onUpdate(node: Node, peer: PeerInfo): void {
    this.table.put({ ...node, fields: [], notifyId: peer.id });
  }

  onDelete(_key: KeyOf<'Node'>, keyJson: string, peer: PeerInfo): void {
    if (this.table.get(keyJson)?.notifyId === peer.id) this.table.deleteKeyJson(keyJson);
  }

  onDisconnect(peer: PeerInfo): void {
    for (const [keyJson, node] of [...this.table.entries()]) {
      if (node.notifyId === peer.id) this.table.deleteKeyJson(keyJson);
    }
  }
}
