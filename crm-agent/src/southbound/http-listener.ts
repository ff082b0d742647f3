import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fail, type Logger, messageOf } from '@edgeplane/base';
import { certificateIdentity, formatAddress, parseAddress, rpcErrors, toServiceError } from '@edgeplane/rpc';
import type { Access } from './access.js';
import { type IdentityRules, identify } from './identity.js';

const MOST_CONNECTIONS = 256;
const REQUEST_MS = 60_000;
const MOST_HEADER_BYTES = 16 * 1024;
const UNAUTHENTICATED = 16;

export interface HttpListener {
  /** With the actual port. */
  readonly address: string;
  stop(): Promise<void>;
}

export interface HttpListenerOptions {
  readonly address: string;
  readonly handle: RequestListener;
  readonly logger: Logger;
  /** Whose callers are asked who they are, and by whose files it speaks TLS; none: everybody, in plain text. */
  readonly access?: Access;
}

/**
 * Serves HTTP. A caller that may not call is answered 401 or 403 with the status as gRPC gateways write it, and `handle` does
 * not hear of it.
 * @throws EdgeplaneError ADDRESS_INVALID or LISTEN_FAILED, naming the address; DOOR_UNIDENTIFIED, DOOR_PLAIN_TOKEN
 */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const { address, access, handle, logger } = options;
  const { host, port } = parseAddress(address);
  const rules = access?.rules(address);
  const answer: RequestListener = (request, response) => {
    if (!rules || isAdmitted(rules, request, response)) handle(request, response);
  };
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, maxHeaderSize: MOST_HEADER_BYTES };
  const server = access?.pair ? tlsServer(access, limits, answer) : createServer(limits, answer);
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    throw fail(rpcErrors.LISTEN_FAILED, { address, reason: messageOf(error) }, { cause: error });
  });
  const listening = formatAddress({ host, port: (server.address() as AddressInfo).port });
  logger.info({ address: listening, tls: access?.pair !== undefined }, 'Listening for HTTP');
  return {
    address: listening,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function tlsServer(access: Access, limits: object, answer: RequestListener) {
  const contextOf = (pair = access.pair) => ({
    ...{ cert: pair?.cert, key: pair?.key, minVersion: 'TLSv1.3' as const },
    ...(access.clientCa && { ca: access.clientCa }),
  });
  const asked = { requestCert: access.clientCa !== undefined };
  const server = createTlsServer({ ...limits, ...contextOf(), ...asked }, answer);
  access.onPair((pair) => server.setSecureContext(contextOf(pair)));
  return server;
}

function isAdmitted(rules: IdentityRules, request: IncomingMessage, response: ServerResponse): boolean {
  const socket = request.socket as Partial<TLSSocket>;
  const certificate = socket.authorized ? certificateIdentity(socket.getPeerCertificate?.()) : undefined;
  try {
    identify(rules, { certificate, authorization: request.headers.authorization });
    return true;
  } catch (error) {
    const { code, details } = toServiceError(error);
    response.writeHead(code === UNAUTHENTICATED ? 401 : 403, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ code, message: details, details: [] }));
    return false;
  }
}
