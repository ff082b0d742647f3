import type {
  Operation,
  OperationsExtService,
  StoragePool,
} from '@edgeplane/proto/southbound/isard/edgeplane/operations/v1/operations-extension.js';
import { type RpcContext, type Send, type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
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

  const streamed = <Req extends { readonly requestId: string }>(asked: (request: Req) => Promise<Asked>) =>
    serverStream<Req, Operation>(async (request, send, context) => {
      const work = await asked(request);
      await answer(request.requestId, work, send, context);
    });

  const answer = (requestId: string, work: Asked, send: Send<Operation>, context: RpcContext) =>
    begin(
      { ...options, strictStatus: true },
      { requestId, context },
      () => work,
      (record) => send(toOperation(record)),
      (error) => Promise.reject(error),
    );

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
      const pool = pools.get(poolId);
      return shownPool(pool, await pool.status(signal), await pools.writeTrouble(pool.id));
    }),

    listBackups: unary(async ({ poolId, target }) => {
      const pool = poolId === '' ? '' : pools.idOf(poolId);
      const all = await catalogue.list(target);
      return {
        backups: all.filter(({ manifest }) => pool === '' || manifest.pool === pool).map(shownBackup),
      };
    }),

    verifyBackup: streamed(async ({ backupId }) => {
      const { manifest } = await catalogue.get(checkId('backup_id', backupId, 'a backup'));
      const request = { backup: manifest.backupId };
      return { kind: KINDS.verifyBackup, subject: backupId, lanes: [backupLane(backupId)], request };
    }),

    restoreBackup: streamed(async ({ backupId, path, poolId }) => {
      const { manifest } = await catalogue.get(checkId('backup_id', backupId, 'a backup'));
      checkRestorePath(path);
      const request = { backup: manifest.backupId, pool: pools.idOf(poolId || manifest.pool), path };
      return { kind: KINDS.restoreBackup, subject: backupId, lanes: [backupLane(backupId)], request };
    }),

    deleteBackup: streamed(async ({ backupId, force }) => {
      const id = checkId('backup_id', backupId, 'a backup');
      await catalogue.get(id);
      const request = { backup: id, force };
      return { kind: KINDS.deleteBackup, subject: id, lanes: [backupLane(id)], request };
    }),
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
