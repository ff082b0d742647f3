/** A program of its own: a bare grpc-js server that sends messages of given sizes, one or many: the raw baseline of what agents and controllers answer. */
import * as grpc from '@grpc/grpc-js';

const STREAM_PATH = '/raw.Stream/All';
const UNARY_PATH = '/raw.Stream/One';

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
const method = (path: string, responseStream: boolean) => ({
  ...{ path, requestStream: false, responseStream },
  ...{ requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same },
});
server.addService(
  { all: method(STREAM_PATH, true), one: method(UNARY_PATH, false) },
  {
    all: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      writeAll(call, messages).catch((error: Error) => call.destroy(error));
    },
    one: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      done(null, messages[0]),
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
