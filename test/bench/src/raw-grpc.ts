/** The raw baseline of everything that travels over gRPC: grpc-js with buffers, without any code of ours. */
import * as grpc from '@grpc/grpc-js';

const same = (buffer: Buffer) => buffer;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/raw.Raw/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

const SERVICE = { echo: method('Echo', false, false), watch: method('Watch', true, true) };
const RawClient = grpc.makeGenericClientConstructor(SERVICE, 'Raw');

export interface RawServer {
  readonly address: string;
  /** Open `watch` streams. */
  readonly streams: ReadonlySet<grpc.ServerDuplexStream<Buffer, Buffer>>;
  stop(): void;
}

/** Starts a server that echoes unary calls and keeps streams open. */
export async function startRawServer(): Promise<RawServer> {
  const server = new grpc.Server();
  const streams = new Set<grpc.ServerDuplexStream<Buffer, Buffer>>();
  server.addService(SERVICE, {
    echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
      done(null, call.request),
    watch: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      streams.add(call);
      call.on('end', () => {
        streams.delete(call);
        call.end();
      });
      call.on('error', () => streams.delete(call));
      call.resume();
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, streams, stop: () => server.forceShutdown() };
}

export interface RawPeer {
  echo(message: Buffer): Promise<Buffer>;
  /** Opens a stream; each message goes to `onMessage`. */
  watch(onMessage: (message: Buffer) => void): void;
  close(): void;
}

/** A client with a connection of its own. */
export function rawPeer(address: string): RawPeer {
  const client = new RawClient(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const call = client as unknown as {
    echo(request: Buffer, done: (error: Error | null, reply: Buffer) => void): void;
    watch(): grpc.ClientDuplexStream<Buffer, Buffer>;
  };
  return {
    echo: (message) =>
      new Promise((resolve, reject) => {
        call.echo(message, (error, reply) => (error ? reject(error) : resolve(reply)));
      }),
    watch(onMessage) {
      const stream = call.watch();
      stream.on('data', onMessage);
      stream.on('error', () => undefined);
      stream.write(Buffer.from('hello'));
    },
    close: () => client.close(),
  };
}
