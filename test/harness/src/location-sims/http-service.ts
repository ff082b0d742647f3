import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createLogger, type Logger, type Service } from '@edgeplane/base';

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request, with its body. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  /** IP address of the caller; IPv4 in IPv6 clothes is undressed, and loopback is 127.0.0.1. */
  readonly caller: string;
}

/** Longest request body, bytes. */
const MAX_BODY = 64 * 1024;

/** A small HTTP server as a program. */
export function httpService(
  host: string,
  port: number,
  handle: (asked: Asked) => Answer | Promise<Answer>,
  logger: Logger = createLogger({ name: 'sim' }),
): {
  readonly service: Service & { readonly addresses: Readonly<Record<string, string>> };
  readonly logger: Logger;
} {
  const addresses: Record<string, string> = {};
  let server: Server | undefined;
  const service = {
    addresses,
    start: () =>
      new Promise<void>((resolve, reject) => {
        server = createServer((request, response) => void answer(request, response, handle));
        server.once('error', reject);
        server.listen(port, host, () => {
          const bound = server?.address();
          const actual = typeof bound === 'object' && bound ? bound.port : port;
          addresses['http'] = host.includes(':') ? `[${host}]:${actual}` : `${host}:${actual}`;
          resolve();
        });
      }),
    stop: () =>
      new Promise<void>((resolve) => {
        if (!server?.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return { service, logger };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (asked: Asked) => Answer | Promise<Answer>,
): Promise<void> {
  let result: Answer;
  try {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://sim');
    result = await handle({ method: request.method ?? '', url, body, caller: callerOf(request) });
  } catch (error) {
    result = { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
  response.writeHead(result.status, { 'content-type': 'text/plain', ...result.headers });
  response.end(result.body);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error(`the body has more than ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function callerOf({ socket }: IncomingMessage): string {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/i, '').replace(/%.*$/, '');
  return address === '::1' ? '127.0.0.1' : address;
}
