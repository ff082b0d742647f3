import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Clock } from '@edgeplane/base';
import { type ApiFault, apiFailure } from './api-faults.js';
import { type CallOptions, type Endpoint, type HttpAnswer, type HttpCall, PodmanHttp } from './http.js';

const BASE = '/v4.0.0/libpod';

export type Labels = Readonly<Record<string, string>>;

/** What a call is about: errors name it. */
export type Subject = Pick<ApiFault, 'kind' | 'name' | 'image'>;

/** A call below podman's base path. */
export type ApiCall = HttpCall & { readonly subject?: Subject };

/** `part('containers', 'web', 'json')` -> `/containers/web/json`; names may hold slashes. */
export const part = (...words: readonly string[]): string =>
  words.map((w) => `/${encodeURIComponent(w)}`).join('');

/** Sends calls to podman's REST interface and turns refusals into errors. */
export class ApiCaller {
  readonly #http: PodmanHttp;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#http = new PodmanHttp(endpoint, clock);
  }

  send(call: ApiCall): Promise<HttpAnswer> {
    return this.#http.call({ ...call, path: `${BASE}${call.path}` });
  }

  stream(call: ApiCall & { readonly signal: AbortSignal }) {
    return this.#http.stream({ ...call, path: `${BASE}${call.path}` });
  }

  /** Sends a call whose answer is read as it comes. */
  async opened(call: ApiCall & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
    const response = await this.stream(call);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    const subject = call.subject ?? { kind: 'podman', name: '' };
    throw apiFailure({ status, body: await buffer(response), ...subject, action: call.action });
  }

  /** Sends a call whose connection becomes a plain stream both ways. */
  async upgrade(call: ApiCall): Promise<Duplex> {
    const found = await this.#http.upgrade({ ...call, path: `${BASE}${call.path}` });
    if (!('status' in found)) return found;
    const subject = call.subject ?? { kind: 'podman', name: '' };
    throw apiFailure({ ...found, ...subject, action: call.action });
  }

  /** 304 means "is so already", which is what was asked for. */
  async done(call: ApiCall): Promise<HttpAnswer> {
    const answer = await this.send(call);
    const subject = call.subject ?? { kind: 'podman', name: '' };
    if (answer.status >= 400) throw apiFailure({ ...answer, ...subject, action: call.action });
    return answer;
  }

  async json<T>(call: ApiCall): Promise<T> {
    return JSON.parse((await this.done(call)).body.toString()) as T;
  }

  async exists(kind: string, name: string, options: CallOptions): Promise<boolean> {
    const action = `look for ${kind} ${name}`;
    const path = part(`${kind}s`, name, 'exists');
    const answer = await this.send({ method: 'GET', path, action, ...options });
    if (answer.status === 404) return false;
    if (answer.status >= 400) throw apiFailure({ ...answer, kind, name, action });
    return true;
  }

  /**
   * Objects that carry all the labels. Podman joins several labels by "and" for containers but by "or" for volumes,
   * so what it answers is looked through again.
   */
  async listed<T>(call: ApiCall, labels: Labels, of: (object: T) => Labels | null | undefined): Promise<T[]> {
    const wanted = Object.entries(labels);
    const label = wanted.map(([key, value]) => `${key}=${value}`);
    const filters = wanted.length === 0 ? undefined : JSON.stringify({ label });
    const found = await this.json<T[] | null>({ ...call, query: { ...call.query, filters } });
    return (found ?? []).filter((object) => wanted.every(([key, value]) => of(object)?.[key] === value));
  }
}
