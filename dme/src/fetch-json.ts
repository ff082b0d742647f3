import { type Clock, fail, messageOf } from '@edgeplane/base';
import { dmeErrors } from './errors.js';

export interface FetchJsonOptions {
  readonly clock: Clock;
  /** Time for the whole exchange, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Sent as JSON by POST; without it the method is GET. */
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined when the body is not JSON. */
  readonly json: unknown;
}

/** Longest answer, bytes. */
const MAX_BYTES = 1024 * 1024;

/**
 * One HTTP exchange with a service that a match engine asks. Redirects are not followed, as what is sent may be secret.
 * @throws EdgeplaneError HTTP_FAILED naming the URL without its query; nothing of what was sent or came
 */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  const { clock, timeoutMs, signal, body, headers = {} } = options;
  const end = new AbortController();
  const late = () => end.abort(new Error(`no answer within ${timeoutMs / 1000} s`));
  const cancel = clock.after(timeoutMs, late);
  const stop = () => end.abort(signal?.reason);
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await fetch(url, {
      method: body ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      signal: end.signal,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, json: parse(await boundedText(answer)) };
  } catch (error) {
    const reason = end.signal.aborted ? messageOf(end.signal.reason) : reasonOf(error);
    throw fail(dmeErrors.HTTP_FAILED, { url: withoutQuery(url), reason });
  } finally {
    cancel();
    signal?.removeEventListener('abort', stop);
  }
}

async function boundedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Fetch hides what happened in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error);
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, '').replace(/\/\/[^/@]*@/, '//');
}
