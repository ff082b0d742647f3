import type { IncomingMessage, ServerResponse } from 'node:http';
import { EdgeplaneError, fail, type Logger, messageOf, STATUS_NAMES } from '@edgeplane/base';
import * as old from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import { MicroVMSpec as OldSpec } from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import * as current from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import { MicroVMSpec as CurrentSpec } from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { isUlid } from '../ulids.js';
import { flintlockErrors } from './errors.js';
import type { Service2021 } from './service-2021.js';
import type { CurrentService } from './service-current.js';
import type { WireForm, WireJson } from './wire-json.js';

const SERVICE = 'microvm.services.api.v1alpha1';
const BODY_MAX = 64 * 1024 * 1024;

/** HTTP statuses by gRPC code, as version 2 of grpc-gateway has them. */
const HTTP: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

export interface HttpGatewayOptions {
  readonly current: CurrentService;
  readonly old: Service2021;
  readonly logger: Logger;
}

/** How both dialects are written; loaded with the first request. */
interface Json {
  readonly current: WireJson;
  readonly old: WireJson;
}

interface Exchange {
  readonly json: Json;
  readonly query: URLSearchParams;
  readonly body: () => Promise<string>;
  readonly response: ServerResponse;
}

type Answer = (exchange: Exchange, parts: readonly string[]) => Promise<object | undefined> | object;

/**
 * The MicroVM service over HTTP (flintlock spec section 2.1). The current dialect knows a microVM by one segment of a path, the
 * dialect of 2021 by two, so one gateway serves both. Where the current one is ambiguous the segment is a uid if there is such
 * a microVM, and else a namespace; `/v1alpha1/microvms` is not.
 */
export class HttpGateway {
  readonly #o: HttpGatewayOptions;
  readonly #routes: readonly (readonly [string, RegExp, Answer])[];
  readonly #work = new Set<Promise<void>>();
  #json: Promise<Json> | undefined;

  constructor(options: HttpGatewayOptions) {
    this.#o = options;
    const one = /^\/v1alpha1\/microvm\/([^/]+)$/;
    const two = /^\/v1alpha1\/microvm\/([^/]+)\/([^/]+)$/;
    const { current: now, old: then } = options;
    this.#routes = [
      ['POST', /^\/v1alpha1\/microvm$/, (exchange) => this.#create(exchange)],
      ['GET', one, (exchange, [segment = '']) => this.#getOrList(exchange, segment)],
      [
        'GET',
        /^\/v1alpha1\/microvms$/,
        (exchange) => this.#list(exchange, exchange.query.get('namespace') ?? ''),
      ],
      ['GET', /^\/v1alpha1\/microvms\/([^/]+)$/, (exchange, [uid = '']) => this.#get(exchange, uid)],
      ['DELETE', one, async (_, [uid = '']) => now.delete({ uid })],
      [
        'GET',
        two,
        ({ json }, [namespace = '', id = '']) =>
          json.old.write(
            `${SERVICE}.GetMicroVMResponse`,
            old.GetMicroVMResponse,
            then.get({ namespace, id }),
          ),
      ],
      ['DELETE', two, async (_, [namespace = '', id = '']) => then.delete({ namespace, id })],
      ['PUT', two, (exchange, [namespace = '', id = '']) => this.#update(exchange, namespace, id)],
      [
        'POST',
        new RegExp(`^/${SERVICE}\\.MicroVM/ListMicroVMsStream$`),
        (exchange) => this.#stream(exchange),
      ],
    ];
  }

  /** Answers one request, whatever comes of it. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const work = this.#answer(request, response).finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  /** Resolves when every request has its answer. */
  async stop(): Promise<void> {
    await Promise.all(this.#work);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    try {
      const { pathname, searchParams: query } = parsed(url);
      const found = this.#routes.find(([verb, path]) => verb === method && path.test(pathname));
      if (!found) throw fail(flintlockErrors.NO_ROUTE, { method, path: pathname });
      const parts = (found[1].exec(pathname) ?? []).slice(1).map(decoded);
      const exchange = { json: await this.#loadJson(), query, body: () => bodyOf(request), response };
      const answer = await found[2](exchange, parts);
      if (answer) send(response, 200, answer);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code === STATUS_NAMES.indexOf('INTERNAL'))
        this.#o.logger.error({ err: error, method }, 'Call failed');
      if (response.headersSent) response.end(`${JSON.stringify({ error: failure })}\n`);
      else send(response, HTTP[failure.code] ?? 500, failure);
    }
  }

  async #create({ json, body }: Exchange): Promise<object> {
    const microvm = await readBody(json.current, 'flintlock.types.MicroVMSpec', CurrentSpec, body);
    const made = await this.#o.current.create({ microvm, metadata: {} });
    return json.current.write(`${SERVICE}.CreateMicroVMResponse`, current.CreateMicroVMResponse, made);
  }

  #getOrList(exchange: Exchange, segment: string): object {
    const { current: service } = this.#o;
    const isOne = isUlid(segment) && (service.has(segment) || !service.hasIn(segment));
    return isOne ? this.#get(exchange, segment) : this.#list(exchange, segment);
  }

  #get({ json }: Exchange, uid: string): object {
    const found = this.#o.current.get({ uid });
    return json.current.write(`${SERVICE}.GetMicroVMResponse`, current.GetMicroVMResponse, found);
  }

  #list({ json, query }: Exchange, namespace: string): object {
    const found = this.#o.current.list({ namespace, name: query.get('name') ?? '' });
    return json.current.write(`${SERVICE}.ListMicroVMsResponse`, current.ListMicroVMsResponse, found);
  }

  async #update({ json, query, body }: Exchange, namespace: string, id: string): Promise<object> {
    const spec = await readBody(json.old, 'flintlock.types.MicroVMSpec', OldSpec, body);
    const mask = query.get('updateMask') ?? query.get('update_mask') ?? '';
    const paths = mask.split(',').filter((path) => path !== '');
    const made = await this.#o.old.update({ microvm: { ...spec, namespace, id }, updateMask: paths });
    return json.old.write(`${SERVICE}.UpdateMicroVMResponse`, old.UpdateMicroVMResponse, made);
  }

  async #stream({ json, body, response }: Exchange): Promise<undefined> {
    const request = await readBody(
      json.current,
      `${SERVICE}.ListMicroVMsRequest`,
      current.ListMicroVMsRequest,
      body,
    );
    for (const message of this.#o.current.messages(request)) {
      if (!response.headersSent) response.writeHead(200, JSON_TYPE);
      const result = json.current.write(`${SERVICE}.ListMessage`, current.ListMessage, message);
      await written(response, `${JSON.stringify({ result })}\n`);
    }
    if (!response.headersSent) response.writeHead(200, JSON_TYPE);
    response.end();
    return undefined;
  }

  #loadJson(): Promise<Json> {
    this.#json ??= loadJson();
    return this.#json;
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function loadJson(): Promise<Json> {
  const [{ WireJson }, now, then] = await Promise.all([
    import('./wire-json.js'),
    import('@edgeplane/proto/southbound/flintlock-current/descriptor-set.js'),
    import('@edgeplane/proto/southbound/flintlock-2021/descriptor-set.js'),
  ]);
  return {
    current: new WireJson(now.DESCRIPTOR_SET_BASE64),
    old: new WireJson(then.DESCRIPTOR_SET_BASE64),
  };
}

function parsed(url: string): URL {
  try {
    return new URL(url, 'http://gateway');
  } catch (error) {
    throw fail(flintlockErrors.BAD_HTTP, { reason: messageOf(error) });
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw fail(flintlockErrors.BAD_HTTP, { reason: `"${segment}" is not percent-encoded UTF-8` });
  }
}

async function readBody<T>(
  json: WireJson,
  name: string,
  form: WireForm<T>,
  body: () => Promise<string>,
): Promise<T> {
  const text = await body();
  try {
    return json.read(name, form, text);
  } catch (error) {
    throw fail(flintlockErrors.BAD_HTTP, { reason: messageOf(error) });
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX)
      throw fail(flintlockErrors.BAD_HTTP, { reason: `the body has more than ${BODY_MAX} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Code and text of a failure; of one that is not ours, nothing is told. */
function failureOf(error: unknown): { code: number; message: string; details: never[] } {
  const known = error instanceof EdgeplaneError;
  const code = STATUS_NAMES.indexOf(known ? error.status : 'INTERNAL');
  return { code, message: known ? error.message : 'internal error', details: [] };
}

function send(response: ServerResponse, status: number, value: object): void {
  if (response.destroyed) return;
  response.writeHead(status, JSON_TYPE);
  response.end(JSON.stringify(value));
}

/** Resolves when there is room for more, or nobody reads any longer. */
function written(response: ServerResponse, text: string): Promise<void> {
  if (response.destroyed || response.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.removeListener('drain', done);
      response.removeListener('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
