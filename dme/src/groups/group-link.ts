import type { DlgDelivery } from '@edgeplane/proto/dme/dynamic-loc-group.js';

/** A message on its way to the members of a group. */
export interface GroupMessage {
  readonly channel: string;
  /** The same for a message that is sent again. */
  readonly id: string;
  readonly delivery: DlgDelivery;
}

/** Carries messages to every match engine whose clients share groups, this one included, in one order. */
export interface GroupLink {
  /** Begins to hand over messages. */
  start(deliver: (message: GroupMessage) => void): void;
  /** Takes a message and returns at once. One whose id was sent lately is not sent again. */
  send(message: GroupMessage): void;
  stop(): Promise<void>;
}

/** Ids that are remembered. */
const REMEMBERED = 4096;

/** Groups of one match engine: messages go from client to client as they come. */
export class LocalLink implements GroupLink {
  readonly #ids = new Set<string>();
  #deliver: (message: GroupMessage) => void = () => {};

  start(deliver: (message: GroupMessage) => void): void {
    this.#deliver = deliver;
  }

  send(message: GroupMessage): void {
    if (this.#ids.has(message.id)) return;
    this.#ids.add(message.id);
    if (this.#ids.size > REMEMBERED) {
      const [oldest] = this.#ids;
      if (oldest !== undefined) this.#ids.delete(oldest);
    }
    this.#deliver(message);
  }

  async stop(): Promise<void> {}
}
