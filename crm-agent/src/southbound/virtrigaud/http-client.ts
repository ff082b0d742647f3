import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EdgeplaneError, fail, isDiskFull, messageOf } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import type { DigestName } from './image-wish.js';
import type { NetGuard } from './net-guard.js';

/** A part of a file that is sent. */
export interface FilePart {
  readonly path: string;
  readonly start: number;
  readonly bytes: number;
}

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: FilePart | string;
  readonly signal: AbortSignal;
  /** Told of the bytes of the body that were taken so far. */
  readonly sent?: (bytes: number) => void;
}

/** A peer that says nothing for so long is taken for gone. */
const SILENCE_MS = 60_000;
const REDIRECTS_MAX = 5;
const ERROR_TEXT_MAX = 300;

/** HTTP calls that go where the guard lets them, without proxies, cookies or caches. */
export class HttpClient {
  readonly #guard: NetGuard;
  /** Member of the request that the addresses come from. */
  readonly #field: string;

  constructor(guard: NetGuard, field: string) {
    this.#guard = guard;
    this.#field = field;
  }

  /** The answer, whatever its status; its body is the caller's to read. @throws ADDRESS_FORBIDDEN, TRANSFER_FAILED */
  async call({ method, url, headers = {}, body, signal, sent }: HttpCall): Promise<IncomingMessage> {
    this.#guard.check(this.#field, url);
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body?.bytes;
    const request = start(url, {
      ...{ method, signal, agent: false, lookup: this.#guard.lookup(this.#field, url) },
      headers: { ...headers, ...(bytes === undefined ? {} : { 'content-length': String(bytes) }) },
    });
    request.setTimeout(SILENCE_MS, () => request.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.on('error', reject);
    });
    // Whoever refuses a body early may have answered before it is all sent.
    const sending = sendBody(request, body, signal, sent).catch(() => request.destroy());
    try {
      return await answer;
    } catch (error) {
      throw failed(url, error);
    } finally {
      if (typeof body === 'object') void sending;
    }
  }

  /** The body of a resource, following redirects; credentials stay with the first host. */
  async get(call: Omit<HttpCall, 'method' | 'body'>): Promise<IncomingMessage> {
    let { url, headers = {} } = call;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop += 1) {
      const answer = await this.call({ ...call, url, headers, method: 'GET' });
      const status = answer.statusCode ?? 0;
      const { location } = answer.headers;
      if (status < 300 || status > 399 || location === undefined) return requireSuccess(url, answer);
      answer.destroy();
      const next = URL.parse(location, url.href);
      if (!next || !/^https?:$/.test(next.protocol))
        throw fail(virtrigaudErrors.TRANSFER_REFUSED, {
          url: withoutSecrets(url),
          reason: 'it redirects elsewhere',
        });
      if (next.origin !== url.origin) headers = {};
      url = next;
    }
    throw fail(virtrigaudErrors.TRANSFER_REFUSED, {
      url: withoutSecrets(url),
      reason: 'it redirects in circles',
    });
  }
}

async function sendBody(
  request: ReturnType<typeof httpRequest>,
  body: FilePart | string | undefined,
  signal: AbortSignal,
  sent: HttpCall['sent'],
): Promise<void> {
  if (body === undefined || typeof body === 'string') {
    request.end(body);
    return;
  }
  if (body.bytes === 0) {
    request.end();
    return;
  }
  let count = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _, done) {
      count += chunk.length;
      sent?.(count);
      done(null, chunk);
    },
  });
  const { path, start, bytes } = body;
  await pipeline(createReadStream(path, { start, end: start + bytes - 1 }), counting, request, { signal });
}

/** An answer of success. @throws SOURCE_NOT_FOUND, TRANSFER_FAILED for what may pass, TRANSFER_REFUSED */
export async function requireSuccess(url: URL, answer: IncomingMessage): Promise<IncomingMessage> {
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  const said = await textOf(answer, ERROR_TEXT_MAX);
  const shown = withoutSecrets(url);
  if (status === 404) throw fail(virtrigaudErrors.SOURCE_NOT_FOUND, { url: shown });
  // S3 says in its code what was wrong.
  const code = /<Code>([A-Za-z0-9]{1,60})<\/Code>/.exec(said)?.[1];
  const reason = `HTTP status ${status}${code === undefined ? '' : ` (${code})`}`;
  const passes = status === 408 || status === 429 || status >= 500;
  throw fail(passes ? virtrigaudErrors.TRANSFER_FAILED : virtrigaudErrors.TRANSFER_REFUSED, {
    url: shown,
    reason,
  });
}

/** The beginning of a body. */
export async function textOf(answer: IncomingMessage, max: number): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer) {
      text += String(chunk);
      if (text.length >= max) break;
    }
  } catch {
    // What came so far has to do.
  }
  answer.destroy();
  return text.slice(0, max);
}

export interface Saved {
  readonly bytes: number;
  readonly sha256: string;
  /** By the algorithm that was asked for. */
  readonly digest: string;
}

/** Writes a body to a new file, on disk when it resolves. @throws TRANSFER_TOO_LARGE, TRANSFER_FAILED */
export async function saveBody(
  url: URL,
  answer: IncomingMessage,
  path: string,
  options: {
    readonly limit: number;
    readonly algorithm: DigestName;
    readonly signal: AbortSignal;
    readonly received?: (bytes: number, of: number) => void;
  },
): Promise<Saved> {
  const { limit, algorithm, signal } = options;
  const tooLarge = () => fail(virtrigaudErrors.TRANSFER_TOO_LARGE, { url: withoutSecrets(url), limit });
  const declared = Number(answer.headers['content-length'] ?? 0);
  if (declared > limit) {
    answer.destroy();
    throw tooLarge();
  }
  const [sha256, digest] = [createHash('sha256'), createHash(algorithm)];
  let bytes = 0;
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > limit) return done(tooLarge());
      sha256.update(chunk);
      digest.update(chunk);
      options.received?.(bytes, declared);
      done(null, chunk);
    },
  });
  try {
    await pipeline(answer, hashing, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }), {
      signal,
    });
  } catch (error) {
    throw failed(url, error);
  }
  if (declared > 0 && bytes !== declared)
    throw failed(url, new Error(`it ended after ${bytes} of ${declared} bytes`));
  return { bytes, sha256: sha256.digest('hex'), digest: digest.digest('hex') };
}

function failed(url: URL, error: unknown): unknown {
  if (error instanceof EdgeplaneError || (error as Error).name === 'AbortError') return error;
  if (isDiskFull(error)) return error;
  return fail(
    virtrigaudErrors.TRANSFER_FAILED,
    { url: withoutSecrets(url), reason: messageOf(error) || 'no connection' },
    { cause: error },
  );
}

/** A URL for messages and records: neither credentials nor query, where signed URLs keep theirs. */
export function withoutSecrets(url: URL): string {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  plain.search = '';
  plain.hash = '';
  return plain.href;
}
