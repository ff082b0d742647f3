/** One bidirectional gRPC stream on a connection of its own, with as little as it takes. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTcp } from 'node:net';

/** Processes that a server sees apart. */
const ADDRESSES = 250;
/** Flag and length before each message. */
const PREFIX = 5;

export interface StreamEvents {
  /** Whole messages that came together. */
  onMessages(messages: readonly Buffer[]): void;
  /** Once: the stream is over, whatever the reason. */
  onEnd(): void;
}

export class GrpcStream {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #messages = new MessageReader();
  #ended = false;

  constructor(address: string, path: string, { onMessages, onEnd }: StreamEvents) {
    const ended = () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#session.destroy();
      onEnd();
    };
    const [host = '', port = ''] = address.split(':');
    // A server has a limit of sessions per address: each process has one of its own.
    const localAddress = `127.0.1.${1 + (process.pid % ADDRESSES)}`;
    const createConnection = () => connectTcp({ host, port: Number(port), localAddress });
    this.#session = connect(`http://${address}`, { createConnection });
    this.#session.on('error', ended);
    this.#session.on('close', ended);
    const method = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    this.#stream = this.#session.request(method, { endStream: false });
    this.#stream.on('error', ended);
    this.#stream.on('close', ended);
    this.#stream.on('data', (chunk: Buffer) => {
      const messages = this.#messages.take(chunk);
      if (messages.length > 0) onMessages(messages);
    });
  }

  send(message: Uint8Array): void {
    const framed = Buffer.allocUnsafe(PREFIX + message.length);
    framed.writeUInt8(0, 0);
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, PREFIX);
    this.#stream.write(framed);
  }

  /** Bytes on the connection so far, HTTP/2 included. */
  get wire(): { readonly up: number; readonly down: number } {
    const { socket } = this.#session;
    return { up: socket?.bytesWritten ?? 0, down: socket?.bytesRead ?? 0 };
  }

  /** Breaks the connection, as a network would. */
  cut(): void {
    this.#session.destroy();
  }
}

/** Puts messages together from chunks that do not respect their bounds. */
class MessageReader {
  #parts: Buffer[] = [];
  #have = 0;
  #need = PREFIX;

  take(chunk: Buffer): Buffer[] {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return [];
    let data = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    const messages: Buffer[] = [];
    this.#need = PREFIX;
    while (data.length >= PREFIX) {
      const end = PREFIX + data.readUInt32BE(1);
      if (data.length < end) {
        this.#need = end;
        break;
      }
      messages.push(data.subarray(PREFIX, end));
      data = data.subarray(end);
    }
    this.#parts = data.length > 0 ? [data] : [];
    this.#have = data.length;
    return messages;
  }
}
