import { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { type EdgeplaneError, fail } from '@edgeplane/base';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { callStreamOf } from './call-stream.js';
import { frameOf } from './encoded-stream.js';
import { rpcErrors } from './errors.js';

/** A stream of whole messages, each a Buffer: a Duplex in object mode as far as it is used. */
export interface MessageStream {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  readonly writableNeedDrain: boolean;
  /** `done` is called when the message has been written, or cannot be any more. False: wait for 'drain'. */
  write(message: Buffer, done?: () => void): boolean;
  pause(): unknown;
  resume(): unknown;
  /** A message may share the memory of the chunk that it came in. */
  on(event: 'data', listener: (message: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end' | 'close' | 'drain', listener: () => void): unknown;
  removeListener(event: 'close' | 'drain', listener: () => void): unknown;
}

/** Flag and length before each message. */
const PREFIX = 5;

/**
 * The messages of a call between peers that exchange encoded ones, straight from and to its HTTP/2 stream: through grpc-js each
 * takes two queues, a promise and a pause of the stream. Its beginning and its end stay with grpc-js, as do calls of
 * clients that compress. To be asked for before anything is read from the call, which is not to be read or written from then
 * on. `maxReceiveBytes`: a larger message is an 'error', after which nothing more is read.
 */
export function messageStream(
  call: ServerDuplexStream<Buffer, Buffer>,
  maxReceiveBytes: number,
): MessageStream {
  const found = callStreamOf(call);
  if (!found || found.compressed || call.cancelled) return call;
  return new Http2Messages(call, found.stream, maxReceiveBytes);
}

class Http2Messages extends EventEmitter implements MessageStream {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #stream: ServerHttp2Stream;
  readonly #maxBytes: number;
  #begun = false;
  #paused = true;
  /** What has come and was not handed on, in order. */
  #parts: Buffer[] = [];
  #have = 0;
  /** Bytes that have to be there before anything can be handed on. */
  #need = PREFIX;
  /** No more comes after what is here. */
  #ended = false;
  #broken = false;

  constructor(call: ServerDuplexStream<Buffer, Buffer>, stream: ServerHttp2Stream, maxBytes: number) {
    super();
    this.#call = call;
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    // That of grpc-js, which has not been asked for a message yet.
    stream.removeAllListeners('data');
    stream.on('data', (chunk: Buffer) => this.#took(chunk));
    stream.on('end', () => {
      this.#ended = true;
      this.#handOn();
    });
    call.on('close', () => this.emit('close'));
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#call.destroyed;
  }

  get writableEnded(): boolean {
    return this.#call.writableEnded;
  }

  /** What waits is told by `done`. */
  get writableNeedDrain(): boolean {
    return false;
  }

  write(message: Buffer, done?: () => void): boolean {
    if (!this.#begun) {
      this.#begun = true;
      this.#call.sendMetadata(new Metadata());
    }
    this.#stream.write(frameOf(message), done);
    return true;
  }

  pause(): void {
    this.#paused = true;
    // After the end of the call grpc-js lets what still comes run out.
    if (!this.#call.writableEnded) this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#handOn();
    if (!this.#paused) this.#stream.resume();
  }

  #took(chunk: Buffer): void {
    if (this.#broken || this.#call.writableEnded) return;
    this.#parts.push(chunk);
    this.#have += chunk.length;
    this.#handOn();
  }

  /** Emits the messages that are whole, as long as they are taken, then the end. */
  #handOn(): void {
    if (this.#have >= this.#need && !this.#paused) this.#messages(this.#takeAll());
    if (!this.#ended || this.#paused || this.#broken) return;
    this.#ended = false;
    this.emit('end');
  }

  #messages(data: Buffer): void {
    let at = 0;
    let need = PREFIX;
    while (!this.#paused && data.length >= at + PREFIX) {
      const length = data.readUInt32BE(at + 1);
      if (length > this.#maxBytes || data[at] !== 0) {
        this.#broken = true;
        this.emit('error', this.#fault(length));
        return;
      }
      const end = at + PREFIX + length;
      need = PREFIX + length;
      if (data.length < end) break;
      this.emit('data', data.subarray(at + PREFIX, end));
      need = PREFIX;
      at = end;
    }
    if (at === data.length) return;
    this.#parts = [at === 0 ? data : data.subarray(at)];
    this.#have = data.length - at;
    this.#need = need;
  }

  #takeAll(): Buffer {
    const parts = this.#parts;
    const [first] = parts;
    const data = first && parts.length === 1 ? first : Buffer.concat(parts, this.#have);
    parts.length = 0;
    this.#have = 0;
    this.#need = PREFIX;
    return data;
  }

  #fault(length: number): EdgeplaneError {
    if (length > this.#maxBytes) return fail(rpcErrors.MESSAGE_TOO_LARGE, { length, limit: this.#maxBytes });
    return fail(rpcErrors.MESSAGE_COMPRESSED);
  }
}
