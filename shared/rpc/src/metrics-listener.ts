import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fail, type Logger, messageOf } from '@edgeplane/base';
import type { Metrics } from '@edgeplane/observe';
import { formatAddress, parseAddress } from './address.js';
import { rpcErrors } from './errors.js';
import type { TlsMaterial } from './tls.js';

/** Far more than scrapers and probes need. */
const MOST_CONNECTIONS = 64;
const REQUEST_MS = 10_000;
const MOST_HEADER_BYTES = 16 * 1024;

export interface MetricsListenerOptions {
  /** `host:port`, port 0 for any free one. */
  readonly address: string;
  readonly metrics: Metrics;
  /** Why the process is not ready for work; undefined when it is. */
  readonly health: () => string | undefined;
  readonly tls: TlsMaterial | undefined;
  readonly logger: Logger;
}

export interface MetricsListener {
  /** With the actual port. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Serves `/metrics` in the text format of Prometheus, and `/healthz`: 200 `ok`, or 503 with the reason. With TLS `/metrics`
 * takes a client certificate of the CA; `/healthz` does not, as probes have none, and tells nothing else. From now on the
 * process is measured.
 * @throws EdgeplaneError ADDRESS_INVALID or LISTEN_FAILED, naming the address
 */
export async function serveMetrics(options: MetricsListenerOptions): Promise<MetricsListener> {
  const { address, metrics, tls, logger } = options;
  const { host: given, port } = parseAddress(address);
  const host = given === '' ? '0.0.0.0' : given;
  const answer: RequestListener = (request, response) => {
    void respond(options, request, response);
  };
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, maxHeaderSize: MOST_HEADER_BYTES };
  const { cert, key, ca } = tls ?? {};
  const server = tls
    ? createTlsServer({ ...limits, cert, key, ca, requestCert: true, rejectUnauthorized: false }, answer)
    : createServer(limits, answer);
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
  metrics.watchProcess();
  const listening = formatAddress({ host, port: (server.address() as AddressInfo).port });
  logger.info({ address: listening, tls: tls !== undefined }, 'Serving metrics');
  return {
    address: listening,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  { metrics, health, tls, logger }: MetricsListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const say = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, 'only GET and HEAD\n');
  if (path === '/healthz') {
    const reason = health();
    return say(reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`);
  }
  if (path !== '/metrics') return say(404, 'there are /metrics and /healthz\n');
  if (tls && !(request.socket as TLSSocket).authorized)
    return say(403, 'a client certificate of the CA is needed\n');
  try {
    say(200, await metrics.text(), metrics.contentType);
  } catch (error) {
    logger.error({ err: error }, 'Metrics could not be read');
    say(500, 'metrics could not be read\n');
  }
}
