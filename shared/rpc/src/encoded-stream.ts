import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type handleServerStreamingCall, Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import { callStreamOf } from './call-stream.js';
import type { RpcContext } from './context.js';
import { callStreamer, write } from './handler.js';

/** A message whose encoded form is at hand. */
export interface EncodedMessage<Res> {
  readonly message: Res;
  /** As {@link frameOf} makes it. */
  readonly frame: Buffer;
}

/** Yields messages in order; what is not asked for yet is not made yet. */
export type EncodedStreamFunction<Req, Res> = (
  request: Req,
  context: RpcContext,
) => Iterable<EncodedMessage<Res> | undefined>;

/** Flag and length that gRPC puts before a message. */
const PREFIX = 5;
/** Bytes handed to the connection at once: little at first, so that the first message is soon there. */
const FIRST_CHUNK = 1024;
const CHUNK = 64 * 1024;
/** Steps of a stream before others get their turn. */
const STEPS = 500;

/** An encoded message as it travels; made once, it can be sent any number of times. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

/**
 * Makes a server-streaming handler of messages that are encoded already. Many go into one write; the next are asked for
 * when the client has taken those, so a slow client costs one chunk, and a long stream lets other calls have their turn.
 * `undefined` in place of a message is a step without one.
 */
export function encodedStream<Req, Res>(
  fn: EncodedStreamFunction<Req, Res>,
): handleServerStreamingCall<Req, Res> {
  return callStreamer<Req, Res>(async (call, context) => {
    const out = connectionOf(call);
    let frames: Buffer[] = [];
    let bytes = 0;
    let limit = FIRST_CHUNK;
    const flush = async () => {
      if (!out || bytes === 0) return;
      const chunk = Buffer.concat(frames, bytes);
      frames = [];
      bytes = 0;
      await write(out, chunk, context.signal);
      // The connection writes when this turn of the event loop is over.
      if (limit === FIRST_CHUNK) await setImmediate();
      limit = CHUNK;
    };
    let steps = 0;
    for (const encoded of fn(call.request, context)) {
      if (context.signal.aborted) return;
      if (encoded && out) {
        frames.push(encoded.frame);
        bytes += encoded.frame.length;
        if (bytes >= limit) await flush();
      } else if (encoded) await write(call, encoded.message, context.signal);
      steps += 1;
      if (steps % STEPS !== 0) continue;
      await flush();
      await setImmediate();
    }
    await flush();
  });
}

/**
 * The HTTP/2 stream of a call, after its headers have been sent. grpc-js writes message by message, each when the one
 * before is through, and has no public way to do better.
 */
function connectionOf(call: ServerWritableStream<unknown, unknown>): Writable | undefined {
  const stream = callStreamOf(call)?.stream;
  if (!stream || call.cancelled) return undefined;
  call.sendMetadata(new Metadata());
  return stream;
}
