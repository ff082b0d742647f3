/** A program of its own: bare grpc-js streams of as many bytes, the raw baseline of the notify server. */
import * as grpc from '@grpc/grpc-js';
import { answerParent, machineTime } from './child.js';
import { RAW_PATH } from './raw-agent.js';

const same = (buffer: Buffer) => buffer;
type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

async function writeAll(call: Call, count: number, size: number): Promise<void> {
  let wake = () => {};
  call.on('drain', () => wake());
  call.on('close', () => wake());
  for (let i = 0; i < count && !call.destroyed; i++) {
    if (call.write(Buffer.alloc(size, i))) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

function methods() {
  const streams = new Set<Call>();
  let first = { count: 0, size: 0 };
  return {
    /** `first`: what each new stream gets. The address. */
    start: (given: typeof first) =>
      new Promise<string>((resolve, reject) => {
        first = given;
        const server = new grpc.Server({ 'grpc.max_send_message_length': -1 });
        const codec = { requestSerialize: same, requestDeserialize: same };
        const back = { responseSerialize: same, responseDeserialize: same };
        server.addService(
          { stream: { path: RAW_PATH, requestStream: true, responseStream: true, ...codec, ...back } },
          {
            stream: (call: Call) => {
              streams.add(call);
              call.on('end', () => call.end());
              call.on('close', () => streams.delete(call));
              call.on('error', () => streams.delete(call));
              call.resume();
              void writeAll(call, first.count, first.size);
            },
          },
        );
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
          error ? reject(error) : resolve(`127.0.0.1:${port}`),
        );
      }),
    streams: () => streams.size,
    /** Sends so many messages to everybody; when that began. */
    fanOut: ({ count, size }: { count: number; size: number }) => {
      const began = machineTime();
      const messages = Array.from({ length: count }, () => Buffer.alloc(size, 1));
      for (const message of messages) for (const stream of streams) stream.write(message);
      return began;
    },
  };
}

export type RawMethods = ReturnType<typeof methods>;

answerParent(methods());
