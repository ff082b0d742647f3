/** The raw baseline of durable writes: etcd's Put over grpc-js, without any code of ours. */
import * as grpc from '@grpc/grpc-js';

/** A length-delimited protobuf field of less than 128 bytes. */
function field(number: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 127) throw new Error('too long for one length byte');
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** Puts through one connection; the answer is waited for, not read. */
export function rawEtcdPut(url: string): { put(key: string, value: string): Promise<void>; close(): void } {
  const client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure());
  return {
    put: (key, value) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          '/etcdserverpb.KV/Put',
          (message: Buffer) => message,
          (reply: Buffer) => reply,
          Buffer.concat([field(1, key), field(2, value)]),
          (error: grpc.ServiceError | null) => (error ? reject(error) : resolve()),
        );
      }),
    close: () => client.close(),
  };
}
