/** The raw baseline of a store: etcd's own calls over grpc-js, without any code of ours. */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import * as grpc from '@grpc/grpc-js';

const PAGE = 1000;
/** Field numbers of etcd's PutRequest, RangeRequest and RangeResponse. */
const KEY = 1;
const VALUE = 2;
const RANGE_END = 2;
const LIMIT = 3;
const KVS = 2;

export interface RawEtcd {
  put(key: string, value: string): Promise<void>;
  /** Reads everything from `from` up to `end`, page after page; returns how many entries came. */
  range(from: string, end: string): Promise<number>;
  close(): void;
}

/** Calls through one connection, as the store makes them. */
export function rawEtcd(url: string): RawEtcd {
  const client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  const call = (method: string, request: Uint8Array) =>
    new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        `/etcdserverpb.KV/${method}`,
        (message: Buffer) => message,
        (reply: Buffer) => reply,
        Buffer.from(request),
        (error: grpc.ServiceError | null, reply) =>
          error || !reply ? reject(error ?? new Error('no reply')) : resolve(reply),
      );
    });
  return {
    async put(key, value) {
      const request = new BinaryWriter().tag(KEY, 2).string(key).tag(VALUE, 2).string(value);
      await call('Put', request.finish());
    },
    async range(from, end) {
      let count = 0;
      for (let key: Uint8Array = Buffer.from(from); ; ) {
        const request = new BinaryWriter().tag(KEY, 2).bytes(key).tag(RANGE_END, 2).string(end);
        const keys = keysOf(await call('Range', request.tag(LIMIT, 0).int64(PAGE).finish()));
        count += keys.length;
        const last = keys.at(-1);
        if (last === undefined || keys.length < PAGE) return count;
        key = Buffer.concat([last, Buffer.from([0])]);
      }
    },
    close: () => client.close(),
  };
}

function keysOf(response: Buffer): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const kv of fieldsOf(response, KVS)) keys.push(...fieldsOf(kv, KEY));
  return keys;
}

/** The length-delimited fields with this number. */
function fieldsOf(message: Uint8Array, number: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === number && type === 2) found.push(reader.bytes());
    else reader.skip(type);
  }
  return found;
}
