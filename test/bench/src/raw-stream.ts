import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The path of the streaming method of {@link startRawStream}. */
export const RAW_STREAM_PATH = '/raw.Stream/All';
/** The path of its unary method, which answers one message. */
export const RAW_UNARY_PATH = '/raw.Stream/One';

/** Starts a bare grpc-js server, in a process of its own, that streams `count` messages of `size` bytes. */
export async function startRawStream(
  count: number,
  size: number,
): Promise<{ readonly address: string; readonly pid: number; stop(): Promise<void> }> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = fork(fileURLToPath(new URL(`./raw-stream-program.${extension}`, import.meta.url)));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { address } = await new Promise<{ address: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the raw server ended with ${code}`)));
    child.once('message', (message) => resolve(message as { address: string }));
    child.send({ count, size });
  });
  return {
    address,
    pid: child.pid ?? 0,
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}
