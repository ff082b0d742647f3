import { ObjectTable, type PeerInfo, type Receiver } from '@edgeplane/notify';
import type { ObjectType } from '@edgeplane/objects';

/** What knows the connection that it came from. */
interface Connected {
  readonly fields: string[];
  readonly notifyId: bigint;
}

/**
 * What peers that are connected to this controller say of themselves: in memory only, gone when they withdraw it and
 * with their connection (controller spec section 18.2 for Nodes).
 */
export class ConnectedObjects<T extends Connected, K> implements Receiver<T, K> {
  readonly type: ObjectType<T, K>;
  readonly table: ObjectTable<T, K>;
  /** Order of the session that each object is of. */
  readonly #since = new Map<string, number>();

  constructor(type: ObjectType<T, K>) {
    this.type = type;
    this.table = new ObjectTable(type);
  }

  onUpdate(object: T, peer: PeerInfo): void {
    const keyJson = this.type.keyJsonOf(object);
    const since = peer.since ?? 0;
    // Of a connection that its agent has left for a newer one, and that does not know it yet.
    if ((this.#since.get(keyJson) ?? 0) > since) return;
    this.#since.set(keyJson, since);
    this.table.put({ ...object, fields: [], notifyId: peer.id });
  }

  onDelete(_key: K, keyJson: string, peer: PeerInfo): void {
    // Another connection may have reported the same since.
    if (this.table.get(keyJson)?.notifyId === peer.id) this.#drop(keyJson);
  }

  onDisconnect(peer: PeerInfo): void {
    for (const [keyJson, object] of [...this.table.entries()]) {
      if (object.notifyId === peer.id) this.#drop(keyJson);
    }
  }

  #drop(keyJson: string): void {
    this.#since.delete(keyJson);
    this.table.deleteKeyJson(keyJson);
  }
}

/** Both get everything, the first one first. */
export function inTurn<T, K>(first: Receiver<T, K>, second: Receiver<T, K>): Receiver<T, K> {
  return {
    type: first.type,
    async onUpdate(object, peer, keyJson, received) {
      await first.onUpdate(object, peer, keyJson, received);
      await second.onUpdate(object, peer, keyJson, received);
    },
    async onDelete(key, keyJson, peer) {
      await first.onDelete(key, keyJson, peer);
      await second.onDelete(key, keyJson, peer);
    },
    async onDisconnect(peer) {
      await first.onDisconnect?.(peer);
      await second.onDisconnect?.(peer);
    },
  };
}
