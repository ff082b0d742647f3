import { type Clock, sleep } from '@edgeplane/base';

/** Runs `work` with a signal that aborts with the given one, or after `ms`. Settles when `work` does. */
export async function withTimeLimit<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.after(ms, () => limit.abort(new Error(`not done within ${ms} ms`)));
  try {
    return await work(AbortSignal.any([signal, limit.signal]));
  } finally {
    cancel();
  }
}

/** Waits for `event` or for `ms`, whichever comes first; a failed event counts as over. Rejects when `signal` aborts. */
export async function waitAtMost(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  event: () => Promise<unknown>,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([event().catch(() => undefined), sleep(clock, ms, either).catch(() => undefined)]);
  } finally {
    over.abort();
  }
  signal.throwIfAborted();
}
