import { connect, type TlsMaterial } from '@edgeplane/rpc';
import { Client } from '@grpc/grpc-js';

interface Connection {
  readonly client: Client;
  /** Revision of the peer's registration: another one is another process, or another life of it. */
  readonly revision: number;
}

/** One connection per controller, kept between calls. */
export class PeerConnections {
  readonly #tls: TlsMaterial | undefined;
  readonly #connections = new Map<string, Connection>();

  constructor(tls: TlsMaterial | undefined) {
    this.#tls = tls;
  }

  /** The client of the controller at `addr`, registered in `revision`. @throws EdgeplaneError ADDRESS_INVALID */
  to(addr: string, revision: number): Client {
    const known = this.#connections.get(addr);
    if (known?.revision === revision) return known.client;
    known?.client.close();
    const client = connect(Client, addr, this.#tls);
    this.#connections.set(addr, { client, revision });
    return client;
  }

  /** Closes a connection: the next call dials at once instead of waiting for its turn to reconnect. */
  drop(addr: string): void {
    this.#connections.get(addr)?.client.close();
    this.#connections.delete(addr);
  }

  close(): void {
    for (const addr of [...this.#connections.keys()]) this.drop(addr);
  }
}
