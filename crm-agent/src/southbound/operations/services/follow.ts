import type { Clock } from '@edgeplane/base';
import type { Send } from '@edgeplane/rpc';
import { isFinished, type OperationLog, type OperationRecord } from '../../work/index.js';

/** Progress is told no more often, milliseconds. */
const GAP_MS = 1000;
/** Something is told at least so often, for what stands between the ends and forgets connections that are silent. */
const HEARTBEAT_MS = 15_000;

export interface FollowOptions {
  readonly log: OperationLog;
  readonly clock: Clock;
  /** Aborted when the caller is gone; the operation goes on. */
  readonly signal: AbortSignal;
}

/**
 * Tells a caller of an operation until it ends: how it is now, each change of state, progress now and then, and its end once
 * (IsardVDI spec section A5). `first` as the submission answered it.
 * @throws STOPPING
 */
export async function follow(
  first: OperationRecord,
  send: Send<OperationRecord>,
  { log, clock, signal }: FollowOptions,
): Promise<void> {
  await send(first);
  if (isFinished(first)) return;
  const changes = log.watch(first.id, signal)[Symbol.asyncIterator]();
  let told = first;
  let now = first;
  let toldAt = clock.monotonic();
  const tell = async () => {
    // Whoever follows is to see that it began, however short it was.
    if (told.state === 'scheduled' && isFinished(now) && now.startedMs > 0)
      await send({
        ...now,
        state: 'active',
        message: 'started',
        error: null,
        result: {},
        progressPermille: 0,
      });
    await send(now);
    told = now;
    toldAt = clock.monotonic();
  };
  let change = changes.next();
  // A caller that goes leaves it behind.
  change.catch(() => undefined);
  while (!isFinished(told)) {
    const pauseMs = told.seq === now.seq ? HEARTBEAT_MS : GAP_MS;
    const next = await within(change, toldAt + pauseMs - clock.monotonic(), clock).catch((error: unknown) => {
      if (signal.aborted) return 'gone' as const;
      throw error;
    });
    if (next === 'gone') return;
    if (next === 'late') {
      await tell();
      continue;
    }
    if (next.done) return;
    now = next.value;
    change = changes.next();
    change.catch(() => undefined);
    if (now.state !== told.state) await tell();
  }
}

/** What a promise gives, or `late`. */
async function within<T>(promise: Promise<T>, ms: number, clock: Clock): Promise<T | 'late'> {
  let cancel = () => {};
  const late = new Promise<'late'>((resolve) => {
    cancel = clock.after(Math.max(0, ms), () => resolve('late'));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
