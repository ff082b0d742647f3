import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { listCommandLines } from '../../engines/process/index.js';

/** Helpers for tests that run real workloads. */

/** Builds a sample image, or takes it from the cache; its path. */
export async function sampleImage(
  script: 'container/build.mjs' | 'guest/build.sh' | 'microvm/build.sh',
): Promise<string> {
  const path = fileURLToPath(new URL(`../../../../deploy/images/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(path, []);
  return stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The page that a server on the port answers with, tried again until it does. @throws after `limitMs`. */
export async function fetchPage(port: number, path = '/', limitMs = 90_000): Promise<string> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    try {
      const signal = AbortSignal.timeout(5000);
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal });
      const text = await response.text();
      if (response.ok) return text;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error(`port ${port} answers with errors`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** True when something takes connections on the port. */
export async function isOpen(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) }).then(
    () => true,
    () => false,
  );
}

/** Sends a datagram until it comes back. @throws after ten seconds. */
export function echo(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const again = setInterval(() => socket.send(text, port, '127.0.0.1'), 100);
    const limit = setTimeout(() => finish(() => reject(new Error(`no echo on port ${port}`))), 10_000);
    const finish = (end: () => void) => {
      clearInterval(again);
      clearTimeout(limit);
      socket.close(end);
    };
    socket.on('error', () => undefined);
    socket.once('message', (message) => finish(() => resolve(message.toString())));
  });
}

/** Command lines of processes that name the folder, other than this one. */
export async function processesOf(folder: string): Promise<readonly string[]> {
  const all = await listCommandLines();
  return all
    .filter(({ pid, args }) => pid !== process.pid && args.some((a) => a.includes(folder)))
    .map(({ args }) => args.join(' '));
}
