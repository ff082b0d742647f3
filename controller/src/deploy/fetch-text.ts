import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type Clock, messageOf } from '@edgeplane/base';
import { type AddressPolicy, checkAddress, guardedLookup } from './local-addresses.js';

/** Bounds of one fetch: an App is one stored value, and its creator is waiting. */
const MAX_BYTES = 512 * 1024;
const TIMEOUT_MS = 10_000;
const MAX_REDIRECTS = 5;

export interface TextFetcher {
  /** The body of a 200 answer to GET. @throws Error whose message is the `<why>` of controller spec section 11.3. */
  get(url: string): Promise<string>;
  /** The body of a 200 answer to POST of JSON. @throws HttpStatusError or Error. */
  post(url: string, body: unknown): Promise<string>;
}

export interface TextFetcherOptions {
  readonly clock: Clock;
  /** Ends all fetches. */
  readonly signal: AbortSignal;
  /** What must not be connected to. */
  readonly policy: AddressPolicy;
  /** Resolves host names; default the system's. */
  readonly lookup?: LookupFunction;
}

/** An answer that is not 200. */
export class HttpStatusError extends Error {
  override readonly name = 'HttpStatusError';
  /** `404 Not Found` */
  readonly statusLine: string;

  constructor(code: number, text: string) {
    super(`bad response from remote manifest ${code}`);
    this.statusLine = `${code} ${text}`.trim();
  }
}

/** True for what is fetched rather than taken as it is. */
export function isUrl(text: string): boolean {
  return text.startsWith('http://') || text.startsWith('https://');
}

/** A URL as it may be shown: without the password in it. */
export function shownUrl(url: string): string {
  return url.replace(/^(https?:\/\/[^/?#@:]*):[^/?#@]*@/, '$1:***@');
}

interface Message {
  readonly method: 'GET' | 'POST';
  readonly body: string | undefined;
}

/**
 * Fetches text over HTTP, within limits of time, size and redirects. Where a URL leads is the user's choice, so it must
 * not lead to what listens for this machine only: every address, also that of a redirect, is checked as it is connected
 * to.
 */
export function createTextFetcher(options: TextFetcherOptions): TextFetcher {
  const run = async (url: string, message: Message): Promise<string> => {
    const abort = new AbortController();
    const onStop = () => abort.abort(new Error('the controller is stopping'));
    const cancel = options.clock.after(TIMEOUT_MS, () =>
      abort.abort(new Error(`no complete answer within ${TIMEOUT_MS / 1000} s`)),
    );
    if (options.signal.aborted) onStop();
    options.signal.addEventListener('abort', onStop, { once: true });
    try {
      return await readText(await follow(url, message, options, abort.signal));
    } catch (error) {
      if (error instanceof HttpStatusError) throw error;
      const cause = abort.signal.aborted ? abort.signal.reason : error;
      throw new Error(reasonOf(cause), { cause: error });
    } finally {
      cancel();
      options.signal.removeEventListener('abort', onStop);
      // Whatever is still open of a fetch that failed.
      abort.abort();
    }
  };
  return {
    get: (url) => run(url, { method: 'GET', body: undefined }),
    post: (url, body) => run(url, { method: 'POST', body: JSON.stringify(body) }),
  };
}

/** The 200 answer at the end of the redirects. */
async function follow(
  start: string,
  first: Message,
  options: TextFetcherOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = new URL(start);
  let message = first;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await send(url, message, options, signal);
    const { statusCode = 0, statusMessage = '', headers } = response;
    if (statusCode === 200) return response;
    response.destroy();
    const redirected = [301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined;
    if (!redirected) throw new HttpStatusError(statusCode, statusMessage);
    url = new URL(headers.location ?? '', url);
    // As all clients do: only these two repeat the body.
    if (statusCode !== 307 && statusCode !== 308) message = { method: 'GET', body: undefined };
  }
  throw new Error(`more than ${MAX_REDIRECTS} redirects`);
}

function send(
  url: URL,
  { method, body }: Message,
  { policy, lookup }: TextFetcherOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`${url.protocol}// is not fetched from, only http:// and https://`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // Addresses are not looked up, so the lookup would not refuse them.
  if (isIP(host) !== 0) checkAddress(policy, host, host);
  // Servers of this protocol may know the second name only.
  const json = { 'Content-Type': 'application/json', 'Context-Type': 'application/json' };
  const headers = {
    Accept: '*/*',
    'User-Agent': 'edgeplane-controller',
    ...(body !== undefined && { ...json, 'Content-Length': Buffer.byteLength(body) }),
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      ...{ method, headers, signal, agent: false },
      lookup: guardedLookup(policy, lookup),
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new Error(`the answer is encoded as ${encoding}, which was not asked for`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Error('the answer is not UTF-8 text');
  }
}

/** A host with several addresses fails with one error each. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return messageOf(error);
}
