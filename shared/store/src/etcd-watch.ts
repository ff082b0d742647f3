import {
  Backoff,
  fail,
  isKind,
  type Logger,
  messageOf,
  sleep,
  systemClock,
  systemRandom,
} from '@edgeplane/base';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { storeErrors } from './errors.js';
import type { EtcdCalls } from './etcd-calls.js';
import { type KeyRange, toRevision } from './etcd-convert.js';
import { WatchBatcher } from './etcd-watch-batcher.js';
import { WatchLiveness } from './etcd-watch-liveness.js';
import { WatchRequest, type WatchResponse, WatchService } from './gen/etcd.js';
import type { WatchBatch } from './store.js';

type Stream = ClientDuplexStream<WatchRequest, WatchResponse>;

/** What a watch asks of the store that owns it, both linearizable. */
export interface WatchReads {
  /** The store's revision. */
  revision(): Promise<number>;
  /** The revision of some key in the range that was written after `after`; undefined when there is none. */
  writtenAfter(range: KeyRange, after: number): Promise<number | undefined>;
}

/**
 * Follows a range: one stream at a time, a new one from the last delivered revision whenever the stream ends, falls silent
 * or is behind. Revisions that a new stream repeats are dropped. Ends with `signal`; @throws EdgeplaneError COMPACTED.
 */
export async function* watchRange(
  calls: EtcdCalls,
  reads: WatchReads,
  range: KeyRange,
  after: number,
  signal: AbortSignal,
  logger: Logger,
): AsyncGenerator<WatchBatch, void> {
  const backoff = new Backoff({ base: 100, max: 2000 }, systemRandom);
  let last = after;
  while (!signal.aborted) {
    const endpoint = calls.endpoint();
    try {
      for await (const batch of session(calls, reads, range, last, signal)) {
        if (signal.aborted) return;
        last = batch.revision;
        backoff.reset();
        yield batch;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isKind(error, storeErrors.COMPACTED)) throw error;
      logger.warn({ endpoint: endpoint.url, after: last, reason: messageOf(error) }, 'watch is opened again');
      calls.leave(endpoint);
    }
    await sleep(systemClock, backoff.next(), signal).catch(() => undefined);
  }
}

/** One stream. Ends or throws when a new one is needed. */
async function* session(
  calls: EtcdCalls,
  reads: WatchReads,
  range: KeyRange,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch, void> {
  const stream: Stream = calls.stream(WatchService.watch, calls.endpoint());
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const batcher = new WatchBatcher(after);
  const liveness = new WatchLiveness({
    ping: () => stream.write(PROGRESS_REQUEST),
    behind: () => reads.writtenAfter(range, batcher.delivered),
    delivered: () => batcher.delivered,
    dead: (reason) => stream.destroy(new Error(reason)),
  });
  try {
    stream.write(createRequest(range, after));
    const responses = stream[Symbol.asyncIterator]();
    for (;;) {
      liveness.reading();
      const next = await responses.next();
      liveness.heard();
      if (next.done === true) throw new Error('etcd ended the watch stream');
      const response = next.value as WatchResponse;
      refuseCancelled(response, after, batcher.delivered);
      if (response.created) await refuseReplaced(reads, response, after);
      yield* batcher.take(response);
    }
  } finally {
    liveness.stop();
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

const PROGRESS_REQUEST = WatchRequest.fromPartial({ request: { $case: 'progressRequest', value: {} } });

function createRequest(range: KeyRange, after: number): WatchRequest {
  return WatchRequest.fromPartial({
    request: {
      $case: 'createRequest',
      value: {
        key: range.key,
        rangeEnd: range.rangeEnd,
        startRevision: BigInt(after + 1),
        progressNotify: true,
        fragment: true,
      },
    },
  });
}

function refuseCancelled(response: WatchResponse, after: number, delivered: number): void {
  if (!response.canceled) return;
  if (response.compactRevision > 0n) {
    const oldest = toRevision(response.compactRevision);
    throw fail(storeErrors.COMPACTED, { after: Math.max(after, delivered), oldest });
  }
  throw new Error(`etcd cancelled the watch: ${response.cancelReason || 'no reason given'}`);
}

/**
 * A watch that starts in the future is silent until then. The member may only be behind the cluster; but when the cluster
 * itself is older than what was delivered (restored from a backup, wiped), waiting would last for ever.
 */
async function refuseReplaced(reads: WatchReads, response: WatchResponse, after: number): Promise<void> {
  if (toRevision(response.header?.revision ?? 0n) >= after) return;
  const revision = await reads.revision();
  if (revision < after) throw fail(storeErrors.COMPACTED, { after, oldest: revision + 1 });
}
