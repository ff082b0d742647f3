/** A program of its own: bare grpc-js, whose answers are as long as those of a match engine. */
import * as grpc from '@grpc/grpc-js';
import { answerParent } from '../notify/child.js';
import { ECHO_PATH } from './find-load.js';

const same = (buffer: Buffer) => buffer;

function methods() {
  return {
    /** The address. */
    start: ({ bytes }: { bytes: number }) =>
      new Promise<string>((resolve, reject) => {
        const server = new grpc.Server();
        const codec = { requestSerialize: same, requestDeserialize: same };
        const back = { responseSerialize: same, responseDeserialize: same };
        server.addService(
          { echo: { path: ECHO_PATH, requestStream: false, responseStream: false, ...codec, ...back } },
          {
            echo: (_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
              done(null, Buffer.alloc(bytes, 1)),
          },
        );
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
          error ? reject(error) : resolve(`127.0.0.1:${port}`),
        );
      }),
  };
}

export type EchoMethods = ReturnType<typeof methods>;

answerParent(methods());
