import type { ServerResponse } from 'node:http';
import { type Clock, fail as failure, type Logger, messageOf } from '@edgeplane/base';
import {
  connect,
  FORWARDED_FOR,
  formatAddress,
  GATEWAY_TOKEN,
  parseAddress,
  type TlsMaterial,
} from '@edgeplane/rpc';
import { Client, Metadata, type ServiceDefinition } from '@grpc/grpc-js';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { answer, fail } from './answer.js';
import { gatewayErrors } from './errors.js';
import { failureOf, METHOD_NOT_ALLOWED, NOT_IMPLEMENTED } from './failures.js';
import type { EnumNames } from './json-body.js';
import { DEFAULT_LIMITS, type GatewayLimits } from './limits.js';
import { openApiDocument } from './openapi.js';
import { addParameters, parametersOf, type QueryParameter } from './query-parameter.js';
import { type Route, routesOf } from './routes.js';
import { UnderWay } from './under-way.js';

export interface GatewayOptions {
  /** Where to listen, as `host:port`. */
  readonly address: string;
  /** What the gRPC API behind it serves; methods with `google.api.http` options have routes. */
  readonly services: readonly ServiceDefinition[];
  /** The gRPC API behind it, as `host:port`. */
  readonly api: string;
  /** As `RpcServerOptions.gatewayToken` of that API: it makes the API see the caller instead of the gateway. */
  readonly token: string;
  /** Serves HTTPS, and presents its certificate to the API; callers show none (controller spec section 1.3). */
  readonly tls?: TlsMaterial | undefined;
  /** How enum values are written when a request does not say `?enums=`. */
  readonly enums: EnumNames;
  /** Query parameters that become metadata of the call. */
  readonly parameters: readonly QueryParameter[];
  /** For the OpenAPI document. */
  readonly title: string;
  readonly version: string;
  /** Bounds of what callers may use; those of {@link DEFAULT_LIMITS} that are not given hold. */
  readonly limits?: Partial<GatewayLimits>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Gateway {
  /** The address in use. */
  readonly address: string;
  /** Takes no new requests and waits for those under way, which end when the API behind it does. */
  stop(): Promise<void>;
}

/** How to call an API that listens on every interface. */
const LOOPBACK: Readonly<Record<string, string>> = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' };

const HEADERS_MS = 10_000;
const KEEP_ALIVE_MS = 75_000;
/** Requests that do not end by themselves are broken off this long after a stop, milliseconds. */
const GRACE_MS = 3000;

/**
 * Serves a gRPC API as HTTP with JSON bodies, as older clients of these APIs expect it (controller spec section 3), and
 * `GET /openapi.json`, which describes it.
 * @throws EdgeplaneError LISTEN_FAILED
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { tls, logger, clock } = options;
  const api = parseAddress(options.api);
  const host = LOOPBACK[api.host] ?? api.host;
  const client = connect(Client, formatAddress({ ...api, host }), tls);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const serverOptions = {
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.stalledMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  // Times are kept to within a quarter.
  const checks = { connectionsCheckingInterval: Math.ceil(limits.requestMs / 4) };
  const app = (
    tls
      ? fastify({
          ...serverOptions,
          http2: true,
          http2SessionTimeout: limits.stalledMs || KEEP_ALIVE_MS,
          https: { allowHTTP1: true, key: tls.key, cert: tls.cert, minVersion: 'TLSv1.2', ...checks },
        })
      : fastify({ ...serverOptions, http: checks })
  ) as FastifyInstance;
  if ('headersTimeout' in app.server) app.server.headersTimeout = Math.min(HEADERS_MS, limits.requestMs);
  if (limits.connections > 0) app.server.maxConnections = limits.connections;
  const routes = routesOf(options.services);
  addRoutes(app, routes, options, client, new UnderWay(limits.perAddress));
  const document = openApiDocument(routes, options);
  app.get('/openapi.json', async () => document);
  addRefusals(app, routes, limits.bodyBytes);

  const { port, host: listenHost } = parseAddress(options.address);
  const bindTo = listenHost === '' ? '0.0.0.0' : listenHost;
  try {
    await app.listen({ host: bindTo, port });
  } catch (error) {
    client.close();
    throw failure(
      gatewayErrors.LISTEN_FAILED,
      { address: options.address, reason: messageOf(error) },
      { cause: error },
    );
  }
  const bound = app.server.address();
  const actual = typeof bound === 'object' && bound ? bound.port : port;
  const address = formatAddress({ host: bindTo, port: actual });
  logger.info({ address, tls: tls !== undefined, routes: routes.length }, 'Serving REST');
  return {
    address,
    async stop() {
      const cancel = clock.after(GRACE_MS, () => {
        if ('closeAllConnections' in app.server) app.server.closeAllConnections();
      });
      await app.close();
      cancel();
      client.close();
    },
  };
}

function addRoutes(
  app: FastifyInstance,
  routes: readonly Route[],
  options: GatewayOptions,
  client: Client,
  underWay: UnderWay,
): void {
  // Whatever it is called, it is JSON.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  for (const route of routes) {
    const parameters = parametersOf(route, options.parameters);
    app.post(route.path, async (request, reply) => {
      const response = takeOver(reply);
      if (route.method.responseStream) request.socket.setTimeout(0);
      const abort = new AbortController();
      response.once('close', () => abort.abort(new Error('the client is gone')));
      const metadata = new Metadata();
      metadata.set(GATEWAY_TOKEN, options.token);
      metadata.set(FORWARDED_FOR, callerOf(request));
      let enums: EnumNames;
      try {
        response.once('close', underWay.begin(request.socket.remoteAddress ?? ''));
        enums = enumsOf(request) ?? options.enums;
        addParameters(metadata, parameters, request.query as Record<string, unknown>);
      } catch (error) {
        return fail(response, failureOf(error));
      }
      const body = typeof request.body === 'string' ? request.body : '';
      await answer({ route, body, enums, metadata, client, response, signal: abort.signal });
    });
  }
}

/** Everything else is refused in the words of the reference. */
function addRefusals(app: FastifyInstance, routes: readonly Route[], bodyBytes: number): void {
  const paths = new Set(routes.map(({ path }) => path));
  app.setNotFoundHandler((request, reply) => {
    const known = paths.has(request.url.split('?')[0] ?? '');
    fail(takeOver(reply), known ? METHOD_NOT_ALLOWED : NOT_IMPLEMENTED);
  });
  app.setErrorHandler((error: { code?: string; statusCode?: number }, _request, reply) => {
    const tooLarge = error.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
    const known = tooLarge
      ? failure(gatewayErrors.BODY_TOO_LARGE, { limit: bodyBytes })
      : failure(gatewayErrors.BAD_REQUEST, { reason: messageOf(error) });
    const ours = tooLarge || (error.statusCode ?? 500) < 500;
    fail(takeOver(reply), failureOf(ours ? known : error));
  });
}

/** The bare response: framing here is the contract's, not the framework's. */
function takeOver(reply: FastifyReply): ServerResponse {
  reply.hijack();
  return reply.raw;
}

function callerOf({ socket }: FastifyRequest): string {
  return formatAddress({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
}

/** @throws EdgeplaneError BAD_ENUMS */
function enumsOf({ query }: FastifyRequest): EnumNames | undefined {
  const value = (query as Record<string, unknown>)['enums'];
  if (value === undefined) return undefined;
  if (value === 'proto' || value === 'camel') return value;
  throw failure(gatewayErrors.BAD_ENUMS, { value: String(value) });
}
