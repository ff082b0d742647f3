import { type Clock, messageOf } from '@edgeplane/base';

/** Bounds of one fetch: an App is one stored value, and its creator is waiting. */
const MAX_BYTES = 512 * 1024;
const TIMEOUT_MS = 10_000;

export interface TextFetcher {
  /** The body of a 200 answer to GET. @throws Error whose message is the `<why>` of spec section 11.3. */
  get(url: string): Promise<string>;
  /** The body of a 200 answer to POST of JSON. @throws HttpStatusError or Error. */
  post(url: string, body: unknown): Promise<string>;
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

/** Fetches over HTTP with a limit on time and size; `signal` ends all fetches. */
export function createTextFetcher(clock: Clock, signal: AbortSignal): TextFetcher {
  const request = async (url: string, init: RequestInit): Promise<string> => {
    const abort = new AbortController();
    const onStop = () => abort.abort(new Error('the controller is stopping'));
    const cancel = clock.after(TIMEOUT_MS, () =>
      abort.abort(new Error(`no complete answer within ${TIMEOUT_MS / 1000} s`)),
    );
    signal.addEventListener('abort', onStop, { once: true });
    try {
      const response = await fetch(url, { ...init, signal: abort.signal });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new HttpStatusError(response.status, response.statusText);
      }
      return await readText(response);
    } catch (error) {
      if (error instanceof HttpStatusError) throw error;
      // fetch itself says only "fetch failed"; its cause says why.
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      throw new Error(messageOf(cause), { cause: error });
    } finally {
      cancel();
      signal.removeEventListener('abort', onStop);
    }
  };
  return {
    get: (url) => request(url, {}),
    post: (url, body) =>
      request(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
