import type {
  Operation,
  OperationsExtService,
  StoragePool,
} from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import { callerOf } from '../../identity.js';
import { isFinished } from '../../work/index.js';
import type { Catalogue, StoredBackup } from '../backups/catalogue.js';
import { checkRestorePath } from '../backups/restoring.js';
import type { Pool, PoolStatus } from '../pools/pool.js';
import type { Pools } from '../pools/pools.js';
import { backupLane, KINDS } from '../work/kinds.js';
import { type Asked, type BeginOptions, begin } from './begin.js';
import { checkId } from './checks.js';
import { follow } from './follow.js';
import { toOperation } from './messages.js';

export interface ExtensionServiceOptions extends BeginOptions {
  readonly pools: Pools;
  readonly catalogue: Catalogue;
}

/** What Edgeplane adds to IsardVDI's operations. Its clients know gRPC statuses: what is wrong with a request is one. */
export function extensionService(
  options: ExtensionServiceOptions,
): ServiceHandlers<typeof OperationsExtService> {
  const { log, clock, pools, catalogue } = options;

  const streamed = <Req extends { readonly requestId: string }>(
    asked: (request: Req) => Asked,
    /** What a call that begins an operation has to find; a repeated one may have changed it. */
    check: (request: Req) => Promise<unknown>,
  ) =>
    serverStream<Req, Operation>(async (request, send, context) => {
      const { requestId } = request;
      const work = asked(request);
      if (!log.find({ ...work, requestId, owner: callerOf(context) })) await check(request);
      await begin(
        { ...options, strictStatus: true },
        { requestId, context },
        () => work,
        (record) => send(toOperation(record)),
        (error) => Promise.reject(error),
      );
    });

  return {
    getOperation: unary(({ id }) => toOperation(log.get(checkId('id', id, 'an operation')))),

    listOperations: unary(({ kind, subject, underWay }) => ({
      operations: log
        .list()
        .filter((r) => (kind === '' || r.kind === kind) && (subject === '' || r.subject === subject))
        .filter((r) => !underWay || !isFinished(r))
        .reverse()
        .map(toOperation),
    })),

    watchOperation: serverStream(async ({ id }, send, { signal }) => {
      const record = log.get(checkId('id', id, 'an operation'));
      await follow(record, (now) => send(toOperation(now)), { log, clock, signal });
    }),

    cancelOperation: unary(async ({ id }) =>
      toOperation(await log.cancel(checkId('id', id, 'an operation'))),
    ),

    getStoragePool: unary(async ({ poolId }, { signal }) => {
      const pool = await pools.take(poolId, signal);
      return shownPool(pool, await pool.status(signal), await pools.writeTrouble(pool.id));
    }),

    listBackups: unary(async ({ poolId, target }) => {
      const pool = poolId === '' ? '' : pools.idOf(poolId);
      const all = await catalogue.list(target);
      return {
        backups: all.filter(({ manifest }) => pool === '' || manifest.pool === pool).map(shownBackup),
      };
    }),

    verifyBackup: streamed(
      ({ backupId }) => {
        const lanes = [backupLane(checkId('backup_id', backupId, 'a backup'))];
        return { kind: KINDS.verifyBackup, subject: backupId, lanes, request: { backup: backupId } };
      },
      ({ backupId }) => catalogue.get(backupId),
    ),

    restoreBackup: streamed(
      ({ backupId, path, poolId }) => {
        const lanes = [backupLane(checkId('backup_id', backupId, 'a backup'))];
        checkRestorePath(path);
        const pool = poolId === '' ? '' : pools.idOf(poolId);
        const request = { backup: backupId, pool, path };
        return { kind: KINDS.restoreBackup, subject: backupId, lanes, request };
      },
      ({ backupId }) => catalogue.get(backupId),
    ),

    deleteBackup: streamed(
      ({ backupId, force }) => {
        const lanes = [backupLane(checkId('backup_id', backupId, 'a backup'))];
        return { kind: KINDS.deleteBackup, subject: backupId, lanes, request: { backup: backupId, force } };
      },
      ({ backupId }) => catalogue.get(backupId),
    ),
  };
}

function shownPool(pool: Pool, status: PoolStatus, trouble: string | undefined): StoragePool {
  const { filesystem, size, used, free, headroom, extent, cannotShrink } = status;
  return {
    ...{ id: pool.id, driver: pool.driver, filesystem, path: pool.path },
    ...{ sizeBytes: size, usedBytes: used, freeBytes: free, headroomBytes: headroom, extentBytes: extent },
    ...{ writable: trouble === undefined, detail: trouble ?? '' },
    ...{ canExpand: true, canShrink: cannotShrink === undefined, cannot: cannotShrink ?? '' },
  };
}

function shownBackup({ target, manifest, manifestSha256, verifiedMs, files, bytes }: StoredBackup) {
  const { backupId, pool, label, createdMs, consistency } = manifest;
  return {
    ...{ backupId, poolId: pool, target: target.id, label, createdUnixMs: BigInt(createdMs) },
    ...{ files: BigInt(files), bytes: BigInt(bytes), consistency },
    ...{ verifiedUnixMs: BigInt(verifiedMs), manifestSha256 },
  };
}
