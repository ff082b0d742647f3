import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Clock, fail, messageOf } from '@edgeplane/base';
import { podmanErrors } from './errors.js';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until the whole answer must be here. */
  readonly deadlineMs?: number;
}

export interface HttpCall extends CallOptions {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Readable;
  /** What is being done, for error texts. */
  readonly action: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const DEFAULT_DEADLINE_MS = 60_000;
/** Enough for any answer but logs, which the caller bounds by a line count. */
const MAX_ANSWER = 64 << 20;

/** Where a podman listens, and how a new connection to it is made. */
export interface Endpoint {
  /** For error texts. */
  readonly name: string;
  /** Milliseconds until an answer must be here, for calls that do not say. */
  readonly deadlineMs?: number;
  /** What of an HTTP request leads there; rejects when nothing does, and soon once `signal` aborts. */
  route(signal: AbortSignal): Promise<Pick<RequestOptions, 'socketPath' | 'createConnection'>>;
}

/** A podman of this host. */
export function unixEndpoint(socketPath: string): Endpoint {
  return { name: socketPath, route: async () => ({ socketPath }) };
}

/** HTTP to a podman, one connection for each call, so that a restarted service is never met through an old one. */
export class PodmanHttp {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /** Sends and collects the whole answer. */
  async call(call: HttpCall): Promise<HttpAnswer> {
    const limit = call.deadlineMs ?? this.#endpoint.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const timer = new AbortController();
    const cancel = this.#clock.after(limit, () => timer.abort());
    const signal = call.signal ? AbortSignal.any([call.signal, timer.signal]) : timer.signal;
    try {
      const response = await this.#open(call, signal);
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_ANSWER) throw new Error(`answer over ${MAX_ANSWER} bytes`);
        chunks.push(chunk);
      }
      return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
    } catch (error) {
      call.signal?.throwIfAborted();
      if (timer.signal.aborted) throw fail(podmanErrors.PODMAN_DEADLINE, { action: call.action, limit });
      throw this.#unavailable(error);
    } finally {
      cancel();
    }
  }

  /** Sends and hands over the open answer; it ends when `signal` aborts. No deadline applies to its length. */
  async stream(call: HttpCall & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
    try {
      return await this.#open(call, call.signal);
    } catch (error) {
      call.signal.throwIfAborted();
      throw this.#unavailable(error);
    }
  }

  /** Sends and hands over the connection, once the other side has agreed to make it a stream; else its answer. */
  async upgrade(call: HttpCall): Promise<Duplex | HttpAnswer> {
    const limit = call.deadlineMs ?? this.#endpoint.deadlineMs ?? DEFAULT_DEADLINE_MS;
    const timer = new AbortController();
    const cancel = this.#clock.after(limit, () => timer.abort());
    const signal = call.signal ? AbortSignal.any([call.signal, timer.signal]) : timer.signal;
    try {
      return await this.#upgrade(call, signal);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (timer.signal.aborted) throw fail(podmanErrors.PODMAN_DEADLINE, { action: call.action, limit });
      throw this.#unavailable(error);
    } finally {
      cancel();
    }
  }

  async #upgrade(call: HttpCall, signal: AbortSignal): Promise<Duplex | HttpAnswer> {
    const text = JSON.stringify(call.body ?? {});
    const route = await this.#endpoint.route(signal);
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...route,
        method: call.method,
        path: call.path + queryString(call.query ?? {}),
        headers: {
          Host: 'podman',
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(text),
          ...{ Connection: 'Upgrade', Upgrade: 'tcp' },
        },
        ...(route.socketPath === undefined ? {} : { agent: false }),
        signal,
      });
      outgoing.on('error', reject);
      outgoing.on('upgrade', (_response, socket: Duplex, head: Buffer) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      outgoing.on('response', (response) => {
        buffer(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      });
      outgoing.end(text);
    });
  }

  #unavailable(error: unknown) {
    const values = { socket: this.#endpoint.name, reason: messageOf(error) };
    return fail(podmanErrors.PODMAN_UNAVAILABLE, values, { cause: error });
  }

  async #open(call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
    const route = await this.#endpoint.route(signal);
    return new Promise((resolve, reject) => {
      const { body } = call;
      const piped = typeof body === 'object' && isReadable(body);
      const text =
        body === undefined || piped ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const outgoing = request(
        {
          ...route,
          method: call.method,
          path: call.path + queryString(call.query ?? {}),
          headers: {
            Host: 'podman',
            ...(text === undefined ? {} : { 'Content-Length': Buffer.byteLength(text) }),
            ...(typeof body === 'object' && !piped ? { 'Content-Type': 'application/json' } : {}),
            ...call.headers,
          },
          ...(route.socketPath === undefined ? {} : { agent: false }),
          signal,
        },
        resolve,
      );
      outgoing.on('error', reject);
      if (piped) {
        body.once('error', (error) => outgoing.destroy(error));
        outgoing.once('close', () => body.destroy());
        body.pipe(outgoing);
      } else outgoing.end(text);
    });
  }
}

function isReadable(body: object): body is Readable {
  return 'pipe' in body;
}

function queryString(query: Readonly<Record<string, string | readonly string[] | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of value === undefined ? [] : typeof value === 'string' ? [value] : value)
      search.append(name, one);
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
