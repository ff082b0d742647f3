import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, type Logger, messageOf } from '@edgeplane/base';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';

export interface VncGatewayOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Socket of a machine's display; fails when it has none or does not run. */
  readonly socketOf: (id: string) => Promise<string>;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: any that is free. */
  readonly port?: number;
  /** How long a ticket may be used; default one minute. */
  readonly ticketMs?: number;
}

export interface VncTicket {
  /** To be put behind the gateway's address: `ws://host:port` + path. It holds the secret. */
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface Pass {
  readonly id: string;
  readonly expiresAt: number;
}

/** Nobody asks for so many displays; whoever is given tickets and does not use them pushes out the oldest. */
const TICKETS_MAX = 1000;
const PATH = '/vnc';

/**
 * Displays of machines over WebSocket, with `binary` frames of RFB as noVNC speaks it. QEMU listens on a socket in the
 * machine's directory, where only we come; whoever comes to us shows a ticket, which opens one display once.
 */
export class VncGateway {
  readonly #options: VncGatewayOptions;
  readonly #tickets = new Map<string, Pass>();
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #sessions = new Set<Promise<void>>();
  readonly #over = new AbortController();

  constructor(options: VncGatewayOptions) {
    this.#options = options;
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
    });
    this.#server = createServer((_, response) => response.writeHead(426).end());
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#run(this.#upgrade(request, socket, head));
    });
  }

  /** Gives the address that it listens on. */
  async start(): Promise<{ readonly host: string; readonly port: number }> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  /** A ticket for one connection to the display of a machine. @throws as `socketOf` */
  async ticket(id: string): Promise<VncTicket> {
    await this.#options.socketOf(id);
    const { clock, ticketMs = 60_000 } = this.#options;
    const secret = randomBytes(32).toString('base64url');
    const expiresAt = clock.now() + ticketMs;
    this.#forgetOld();
    this.#tickets.set(secret, { id, expiresAt });
    return { path: `${PATH}?ticket=${secret}`, expiresAt };
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    this.#tickets.clear();
    this.#over.abort();
    for (const client of this.#sockets.clients) client.terminate();
    const closed = once(this.#server, 'close');
    if (this.#server.listening) {
      this.#server.close();
      this.#server.closeAllConnections();
      await closed;
    }
    while (this.#sessions.size > 0) await Promise.all(this.#sessions);
  }

  #forgetOld(): void {
    const now = this.#options.clock.now();
    for (const [secret, { expiresAt }] of this.#tickets)
      if (expiresAt <= now || this.#tickets.size >= TICKETS_MAX) this.#tickets.delete(secret);
  }

  #run(session: Promise<void>): void {
    const guarded = session.catch((error: unknown) => {
      this.#options.logger.debug({ reason: messageOf(error) }, 'Display connection ended');
    });
    this.#sessions.add(guarded);
    void guarded.then(() => this.#sessions.delete(guarded));
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const pass = this.#redeem(request.url ?? '');
    if (!pass) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const path = await this.#options.socketOf(pass.id).catch(() => undefined);
    if (path === undefined) {
      socket.end('HTTP/1.1 409 Conflict\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.#options.logger.info({ vm: pass.id }, 'Display opened');
    const client = await new Promise<WebSocket>((resolve) =>
      this.#sockets.handleUpgrade(request, socket, head, resolve),
    );
    const { signal } = this.#over;
    const display = connect(path);
    const stream = createWebSocketStream(client);
    await Promise.all([pipeline(display, stream, { signal }), pipeline(stream, display, { signal })]).finally(
      () => client.terminate(),
    );
  }

  /** A ticket counts once, whatever comes of it. */
  #redeem(url: string): Pass | undefined {
    const { pathname, searchParams } = new URL(url, 'ws://gateway');
    const secret = searchParams.get('ticket') ?? '';
    const pass = pathname === PATH ? this.#tickets.get(secret) : undefined;
    this.#tickets.delete(secret);
    return pass && pass.expiresAt > this.#options.clock.now() ? pass : undefined;
  }
}
