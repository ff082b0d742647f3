import { connect } from '@edgeplane/rpc';
import { Client } from '@grpc/grpc-js';
import { usageOf } from '../notify/usage.js';
import { RAW_STREAM_PATH, RAW_UNARY_PATH, startRawStream } from '../raw-stream.js';

/** A bare grpc-js server in a process of its own, and a client of it. */
export interface RawCalls {
  /** The server's process. */
  readonly pid: number;
  /** A call with a request of that many bytes; the answer is one message. */
  one(requestBytes: number): Promise<void>;
  /** A stream of all messages. */
  all(): Promise<void>;
}

const same = (buffer: Buffer) => buffer;

/** Runs `work` with a bare server that answers `count` messages of `bytes` each. */
export async function withRawCalls<T>(
  count: number,
  bytes: number,
  work: (raw: RawCalls) => Promise<T>,
): Promise<T> {
  const server = await startRawStream(count, bytes);
  const options = { maxReceiveBytes: 64 * 1024 * 1024 };
  const client = connect(Client, server.address, undefined, options);
  try {
    return await work({
      pid: server.pid,
      one: (requestBytes) =>
        new Promise((resolve, reject) => {
          const done = (error: Error | null) => (error ? reject(error) : resolve());
          client.makeUnaryRequest(RAW_UNARY_PATH, same, same, Buffer.alloc(requestBytes), done);
        }),
      all: () =>
        new Promise((resolve, reject) => {
          const call = client.makeServerStreamRequest(RAW_STREAM_PATH, same, same, Buffer.alloc(0));
          call.on('data', () => undefined);
          call.on('error', reject);
          call.on('end', resolve);
        }),
    });
  } finally {
    client.close();
    await server.stop();
  }
}

/** Calls one after the other. */
export interface Timed {
  /** How long each took, milliseconds. */
  readonly took: readonly number[];
  /** Processor time of the server for each, milliseconds. */
  readonly cpuMs: number;
}

/** Calls a process so many times, after those that warm it up. */
export async function timedCalls(
  pid: number,
  count: number,
  warmUp: number,
  call: () => Promise<unknown>,
): Promise<Timed> {
  for (let i = 0; i < warmUp; i++) await call();
  const before = usageOf(pid).cpuMs;
  const took = await durations(count, 0, call);
  return { took, cpuMs: (usageOf(pid).cpuMs - before) / count };
}

/** How long each of so many calls takes, one after the other, milliseconds; those of the warm-up do not count. */
export async function durations(
  count: number,
  warmUp: number,
  call: () => Promise<unknown>,
): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await call();
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await call();
    took.push(performance.now() - started);
  }
  return took;
}
