import { fail } from '@edgeplane/base';
import type { OperationLog, OperationRecord, RunContext, Success } from '../../work/index.js';
import { operationsErrors } from '../errors.js';
import type { Pool, PoolStatus } from '../pools/pool.js';
import type { Pools } from '../pools/pools.js';
import { expandedSize, shrunkenSize } from '../storage-size.js';
import { KINDS, type ResizeWork } from './kinds.js';

const HOUR_MS = 3600_000;

/** Giving room to pools and taking it back. */
export function registerPoolWork(log: OperationLog, pools: Pools): void {
  log.register(KINDS.expandStorage, {
    timeoutMs: HOUR_MS,
    run: (record, context) => resize(pools, record, context, expandTo),
  });
  log.register(KINDS.shrinkStorage, {
    timeoutMs: HOUR_MS,
    run: (record, context) => resize(pools, record, context, shrinkTo),
  });
}

/** Which size a pool is to have. */
type Goal = (pool: Pool, status: PoolStatus, bytes: bigint, signal: AbortSignal) => Promise<bigint>;

/** What is remembered before anything is changed, so that a change made twice is the same change. Decimal. */
type Begun = { readonly from: string; readonly to: string };

async function resize(
  pools: Pools,
  record: OperationRecord,
  { signal, step }: RunContext,
  goal: Goal,
): Promise<Success> {
  const { pool: id, bytes, dryRun } = record.request as ResizeWork;
  const pool = await pools.take(id, signal);
  const before = await pool.status(signal);
  const begun = record.data as Begun | null;
  const from = begun ? BigInt(begun.from) : before.size;
  const to = begun ? BigInt(begun.to) : await goal(pool, before, BigInt(bytes), signal);
  if (dryRun) return told({ ...before, size: to, free: before.free + to - from }, to - from, 'dry run: ');
  if (to === from) return told(before, 0n, 'nothing released; ');
  const message = `${to > from ? 'growing' : 'shrinking'} from ${from} to ${to} bytes`;
  await step('resize', { message, data: { from: String(from), to: String(to) } });
  await pool.resize(to, signal);
  const after = await pool.status(signal);
  return told(after, after.size - from, '');
}

async function expandTo(pool: Pool, status: PoolStatus, bytes: bigint, signal: AbortSignal): Promise<bigint> {
  const to = expandedSize(status, bytes);
  const have = await pool.hostRoom(signal);
  const wanted = to - status.size;
  if (wanted > have) throw fail(operationsErrors.POOL_FULL, { pool: pool.id, wanted, have, path: pool.path });
  return to;
}

async function shrinkTo(pool: Pool, status: PoolStatus, bytes: bigint): Promise<bigint> {
  if (status.cannotShrink !== undefined)
    throw fail(operationsErrors.POOL_CANNOT, { pool: pool.id, reason: status.cannotShrink });
  return shrunkenSize(status, bytes);
}

/** The end of a resize, for programs and for people (IsardVDI spec section A6). Bytes, decimal. */
function told({ size, used, free }: PoolStatus, delta: bigint, prefix: string): Success {
  const result = { size: `${size}`, used: `${used}`, free: `${free}`, delta: `${delta}` };
  const pairs = Object.entries(result).map(([name, value]) => `${name}=${value}`);
  return { message: prefix + pairs.join(' '), result };
}
