import { get } from 'node:http';
import { connect } from 'node:net';
import { type Clock, fail, messageOf, sleep } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

export interface WaitOptions {
  readonly clock: Clock;
  /** Milliseconds from now. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

const PAUSE_MS = 50;
/**
 * User-mode networking accepts a connection long before the guest can answer it, and such a connection never will.
 * So most tries are short, to notice the guest soon, and every fourth is long, for a guest that is slow.
 */
const TRY_MS = [300, 300, 300, 3000] as const;

/**
 * Resolves when something accepts TCP connections at the address. QEMU's own forwards accept at once, so this says
 * that QEMU listens; use {@link waitForHttp} to know that the guest serves.
 */
export function waitForTcp(host: string, port: number, options: WaitOptions): Promise<void> {
  return repeat(`tcp ${host}:${port}`, options, (ms) => tryTcp(host, port, ms));
}

/** Resolves with the body of the first answer with a status below 500. */
export function waitForHttp(host: string, port: number, path: string, options: WaitOptions): Promise<string> {
  return repeat(`http://${host}:${port}${path}`, options, (ms) => tryHttp(host, port, path, ms));
}

async function repeat<T>(
  address: string,
  options: WaitOptions,
  attempt: (ms: number) => Promise<T>,
): Promise<T> {
  const { clock, deadlineMs, signal } = options;
  const end = clock.monotonic() + deadlineMs;
  for (let n = 0; ; n++) {
    signal?.throwIfAborted();
    const patience = TRY_MS[n % TRY_MS.length] ?? 300;
    try {
      return await attempt(Math.max(1, Math.min(patience, end - clock.monotonic())));
    } catch (error) {
      if (clock.monotonic() + PAUSE_MS >= end) {
        throw fail(
          qemuErrors.notReachable,
          { address, ms: deadlineMs, reason: messageOf(error) },
          { cause: error },
        );
      }
    }
    await sleep(clock, PAUSE_MS, signal);
  }
}

function tryTcp(host: string, port: number, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(ms, () => socket.destroy(new Error('timed out')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function tryHttp(host: string, port: number, path: string, ms: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: ms }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('error', reject);
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        if (status > 0 && status < 500) resolve(body);
        else reject(new Error(`HTTP status ${status}`));
      });
    });
    request.once('timeout', () => request.destroy(new Error('timed out')));
    request.once('error', reject);
  });
}
