import { type PeerInfo, type Receiver, type SendSource, Speakers } from '@edgeplane/notify';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { Node } from '@edgeplane/proto/edgeproto/node.js';
import { originNumber, ReportTable } from './report-table.js';

/** Everything that is reported through this relay. CloudletInfo comes first, as with agents. */
export class ReportBook {
  readonly #nodes = new ReportTable(OBJECTS.Node);
  readonly #tables: readonly ReportTable<unknown, unknown>[];
  readonly #goneListeners = new Set<(number: number) => void>();
  readonly #onLeft: (peer: PeerInfo) => void;
  readonly receivers: readonly Receiver[];

  /** `onLeft` is told of every peer that is gone for good. */
  constructor(onLeft: (peer: PeerInfo) => void) {
    this.#onLeft = onLeft;
    const { CloudletInfo, AppInstInfo, ClusterInstInfo } = OBJECTS;
    // Tables of different types share one list; each is only ever given objects of its own type.
    this.#tables = [
      new ReportTable(CloudletInfo),
      new ReportTable(AppInstInfo),
      new ReportTable(ClusterInstInfo),
      this.#nodes,
    ] as readonly unknown[] as readonly ReportTable<unknown, unknown>[];
    const speakers = new Speakers();
    this.receivers = this.#tables.map((table) => speakers.of(this.#receiver(table)));
  }

  get sources(): readonly SendSource[] {
    return this.#tables;
  }

  /** Makes this relay itself known. */
  putOwn(node: Node): void {
    this.#nodes.putOwn(node);
  }

  /** Numbers of the origins that reports are of. */
  origins(): number[] {
    return [...new Set(this.#tables.flatMap((table) => [...table.origins()]))];
  }

  /** Calls back when an origin is gone, with its reports at the same moment. */
  onGone(listener: (number: number) => void): () => void {
    this.#goneListeners.add(listener);
    return () => {
      this.#goneListeners.delete(listener);
    };
  }

  #receiver<T, K>(table: ReportTable<T, K>): Receiver<T, K> {
    const type: ObjectType<T, K> = table.type;
    return {
      type,
      onUpdate: (object, peer, keyJson, received) => table.put(object, peer, keyJson, received),
      onDelete: (_key, keyJson, peer) => table.withdraw(keyJson, peer),
      // Called for each type; the first call does it for all, as an origin is gone as a whole.
      onDisconnect: (peer) => this.#drop(peer),
    };
  }

  #drop(peer: PeerInfo): void {
    this.#onLeft(peer);
    const number = originNumber(peer);
    if (!this.#tables.some((table) => table.hasOf(number))) return;
    for (const listener of [...this.#goneListeners]) listener(number);
    for (const table of this.#tables) table.drop(number);
  }
}
