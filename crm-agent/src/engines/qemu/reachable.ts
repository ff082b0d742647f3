import { setMaxListeners } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { type Clock, deferred, fail, messageOf, sleep } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

export interface WaitOptions {
  readonly clock: Clock;
  /** Milliseconds from now. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/**
 * User-mode networking accepts a connection long before the guest can answer it, and such a connection may never be
 * answered. So tries overlap: a new one starts at this pace, and each is given time for a guest that is slow.
 */
const PACE_MS = 150;
const TRY_MS = 3000;

/**
 * Resolves when something accepts TCP connections at the address. QEMU's own forwards accept at once, so this says
 * that QEMU listens; use {@link waitForHttp} to know that the guest serves.
 */
export function waitForTcp(host: string, port: number, options: WaitOptions): Promise<void> {
  return repeat(`tcp ${host}:${port}`, options, (ms, over) => tryTcp(host, port, ms, over));
}

/** Resolves with the body of the first answer with a status below 500. */
export function waitForHttp(host: string, port: number, path: string, options: WaitOptions): Promise<string> {
  return repeat(`http://${host}:${port}${path}`, options, (ms, over) => tryHttp(host, port, path, ms, over));
}

async function repeat<T>(
  address: string,
  options: WaitOptions,
  attempt: (ms: number, over: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, deadlineMs, signal } = options;
  const end = clock.monotonic() + deadlineMs;
  const over = new AbortController();
  // One listener for each try in flight.
  setMaxListeners(0, over.signal);
  const first = deferred<T>();
  let answered = false;
  let reason = 'no answer';
  const tryOnce = async (ms: number) => {
    try {
      const value = await attempt(Math.min(TRY_MS, ms), over.signal);
      answered = true;
      first.resolve(value);
    } catch (error) {
      reason = messageOf(error);
    }
  };
  try {
    let tries = 0;
    for (let left = deadlineMs; left > 0; left = end - clock.monotonic()) {
      // A try in the last moment would only hide the reason why those before failed.
      if (tries === 0 || left >= PACE_MS) void tryOnce(left);
      tries += 1;
      await Promise.race([first.promise, sleep(clock, Math.min(PACE_MS, left), signal)]);
      if (answered) return await first.promise;
    }
    throw fail(qemuErrors.notReachable, { address, ms: deadlineMs, reason });
  } finally {
    over.abort();
  }
}

function tryTcp(host: string, port: number, ms: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = addAbortSignal(over, connect({ host, port }));
    socket.setTimeout(ms, () => socket.destroy(new Error('timed out')));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function tryHttp(host: string, port: number, path: string, ms: number, over: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: ms, signal: over }, (response) => {
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
