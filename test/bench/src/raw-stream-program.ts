/** A program of its own: a bare grpc-js server that streams messages of given sizes, the raw baseline of Show. */
import * as grpc from '@grpc/grpc-js';

const STREAM_PATH = '/raw.Stream/All';

/** Writes each message as it comes, waiting for room as grpc-js asks. */
async function writeAll(call: grpc.ServerWritableStream<Buffer, Buffer>, messages: readonly Buffer[]) {
  for (const message of messages) {
    if (call.write(message)) continue;
    await new Promise((resolve) => call.once('drain', resolve));
  }
  call.end();
}

const same = (buffer: Buffer) => buffer;
const server = new grpc.Server();
let messages: readonly Buffer[] = [];
server.addService(
  {
    all: {
      path: STREAM_PATH,
      requestStream: false,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    all: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      writeAll(call, messages).catch((error: Error) => call.destroy(error));
    },
  },
);
process.on('message', ({ count, size }: { count: number; size: number }) => {
  messages = Array.from({ length: count }, (_, i) => Buffer.alloc(size, i));
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.send?.({ address: `127.0.0.1:${port}` });
  });
});
process.on('disconnect', () => process.exit(0));
