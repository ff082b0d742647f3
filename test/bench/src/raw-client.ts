/** Callers that cost the machine as little as can be, so that what is measured is the server. */
import type { IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

const CONNECTIONS = 4;
/** Flag and length before each message. */
const PREFIX = 5;

export interface BareCaller {
  /** Calls a unary method with an encoded message; @throws Error when the status is not OK. */
  unary(path: string, request: Uint8Array): Promise<void>;
  close(): void;
}

/** Unary calls with bare HTTP/2, spread over several connections; answers are not decoded. */
export function bareCaller(address: string, connections = CONNECTIONS): BareCaller {
  const sessions = Array.from({ length: connections }, () => connect(`http://${address}`));
  let next = 0;
  return {
    unary: (path, request) =>
      new Promise((resolve, reject) => {
        next = (next + 1) % sessions.length;
        const session = sessions[next];
        if (!session) throw new RangeError('no connection');
        const stream = open(session, path, request, false);
        const check = (headers: IncomingHttpHeaders) => {
          const status = headers['grpc-status'];
          if (status !== undefined && status !== '0') reject(new Error(`${path}: status ${status}`));
        };
        stream.on('response', check);
        stream.on('trailers', check);
        stream.on('error', reject);
        stream.on('end', resolve);
        stream.resume();
      }),
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** What reading a stream of messages to its end took, milliseconds from the request. */
export interface StreamTimes {
  readonly first: number;
  readonly last: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface BareReader {
  /** Calls a server-streaming method and counts its messages. */
  read(path: string, request: Uint8Array): Promise<StreamTimes>;
  /** Sends a message and reads nothing of what comes back; `more`: the request stream stays open. */
  stall(path: string, request: Uint8Array, more: boolean): void;
  close(): void;
}

/** Reads streams with bare HTTP/2 over one connection; `window`: bytes that may be on the way. */
export function bareReader(address: string, window = 4 * 1024 * 1024): BareReader {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: window } });
  session.on('connect', () => session.setLocalWindowSize(window));
  session.on('error', () => undefined);
  return {
    read: (path, request) =>
      new Promise((resolve, reject) => {
        const started = performance.now();
        const counter = new MessageCounter();
        let first = Number.NaN;
        const stream = open(session, path, request, false);
        stream.on('data', (chunk: Buffer) => {
          if (Number.isNaN(first)) first = performance.now() - started;
          counter.take(chunk);
        });
        stream.on('error', reject);
        stream.on('end', () => {
          const { messages, bytes } = counter;
          resolve({ first, last: performance.now() - started, messages, bytes });
        });
      }),
    stall: (path, request, more) => {
      const stream = open(session, path, request, more);
      stream.on('error', () => undefined);
      stream.pause();
    },
    close: () => session.destroy(),
  };
}

function open(
  session: ClientHttp2Session,
  path: string,
  request: Uint8Array,
  more: boolean,
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const message = Buffer.alloc(PREFIX + request.length);
  message.writeUInt32BE(request.length, 1);
  message.set(request, PREFIX);
  if (more) stream.write(message);
  else stream.end(message);
  return stream;
}

/** Counts length-prefixed messages in chunks that do not respect their bounds. */
class MessageCounter {
  messages = 0;
  bytes = 0;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of the current message that are still to come. */
  #skip = 0;

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = Buffer.alloc(0);
    for (;;) {
      const skipped = Math.min(this.#skip, data.length);
      this.#skip -= skipped;
      data = data.subarray(skipped);
      if (data.length < PREFIX) break;
      this.#skip = data.readUInt32BE(1);
      this.messages += 1;
      data = data.subarray(PREFIX);
    }
    this.#rest = data;
  }
}
