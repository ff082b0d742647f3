import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, fail, isKind, isThere } from '@edgeplane/base';
import {
  type OperationLog,
  type OperationRecord,
  type RunContext,
  type Success,
  workErrors,
} from '../../work/index.js';
import { type Catalogue, type StoredBackup, syncFolder } from '../backups/catalogue.js';
import { verifyFiles } from '../backups/file-checks.js';
import { makeParent, restoreFiles } from '../backups/restoring.js';
import { operationsErrors } from '../errors.js';
import type { Pools } from '../pools/pools.js';
import { createBackup } from './create-backup.js';
import { type DeleteBackupWork, KINDS, type RestoreBackupWork, type VerifyBackupWork } from './kinds.js';

export interface BackupWorkOptions {
  readonly pools: Pools;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
}

/** Making backups, reading them, writing them back and deleting them. */
export function registerBackupWork(log: OperationLog, options: BackupWorkOptions): void {
  const { pools, catalogue, clock } = options;
  log.register(KINDS.createBackup, {
    run: (record, context) => createBackup({ pools, catalogue, clock }, record, context),
  });
  log.register(KINDS.verifyBackup, { run: (record, context) => verify(options, record, context) });
  log.register(KINDS.restoreBackup, { run: (record, context) => restore(options, record, context) });
  log.register(KINDS.deleteBackup, { run: (record, context) => remove(options, record, context) });
}

async function verify(
  { catalogue, clock }: BackupWorkOptions,
  record: OperationRecord,
  { signal, step, progress }: RunContext,
): Promise<Success> {
  const backup = await catalogue.get((record.request as VerifyBackupWork).backup);
  await step('verify', { message: `reading ${backup.bytes} bytes` });
  let read = 0;
  const onBytes = (bytes: number) => {
    read += bytes;
    progress((read / Math.max(1, backup.bytes)) * 1000, `${read} of ${backup.bytes} bytes read`);
  };
  await verifyFiles(backup.manifest, catalogue.folderOf(backup), { signal, onBytes });
  await catalogue.verified(backup, clock.now());
  return { message: `backup_id=${backup.manifest.backupId} is whole`, result: resultOf(backup) };
}

async function restore(
  { pools, catalogue }: BackupWorkOptions,
  record: OperationRecord,
  { signal, step, progress }: RunContext,
): Promise<Success> {
  const { backup: id, pool: poolId, path } = record.request as RestoreBackupWork;
  const backup = await catalogue.get(id);
  const pool = await pools.take(poolId || backup.manifest.pool, signal);
  const parent = await makeParent(pool.path, path);
  const place = join(parent, basename(path));
  const draft = join(parent, `.restoring-${record.id}`);
  const done: Success = {
    message: `backup_id=${id} restored to ${place}, files=${backup.files} bytes=${backup.bytes}`,
    result: { ...resultOf(backup), path: place },
  };
  // An earlier life gave it its name and could not say so.
  if (record.step === 'publish' && !(await isThere(draft)) && (await isThere(place))) return done;
  try {
    await rm(draft, { recursive: true, force: true });
    // The empty folder that holds the name while it is being given.
    if (record.step === 'publish') await rmdir(place).catch(() => undefined);
    if (await isThere(place)) throw fail(operationsErrors.PATH_TAKEN, { pool: pool.id, path });
    const { free } = await pool.status(signal);
    if (BigInt(backup.bytes) > free)
      throw fail(operationsErrors.POOL_FULL, {
        ...{ pool: pool.id, wanted: backup.bytes, have: free, path: pool.path },
      });
    await step('restore', { message: `writing ${backup.bytes} bytes` });
    let written = 0;
    const onBytes = (bytes: number) => {
      written += bytes;
      progress((written / Math.max(1, backup.bytes)) * 1000, `${written} of ${backup.bytes} bytes written`);
    };
    await restoreFiles(backup.manifest, catalogue.folderOf(backup), draft, { signal, onBytes });
    await step('publish', { permille: 1000 });
    await publish(draft, place, pool.id, path);
    return done;
  } catch (error) {
    if (!isKind(signal.reason, workErrors.STOPPING)) await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Gives what was restored its name, which has to be free: a rename would take the place of an empty folder. */
async function publish(draft: string, place: string, pool: string, path: string): Promise<void> {
  try {
    await mkdir(place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw fail(operationsErrors.PATH_TAKEN, { pool, path }, { cause: error });
  }
  await rename(draft, place);
  await syncFolder(dirname(place));
}

async function remove(
  { catalogue }: BackupWorkOptions,
  record: OperationRecord,
  { step }: RunContext,
): Promise<Success> {
  const { backup: id, force } = record.request as DeleteBackupWork;
  const begun = record.data as { readonly target: string } | null;
  const target = begun ? catalogue.target(begun.target) : (await catalogue.get(id)).target;
  if (!begun && !force) await refuseLast(catalogue, id);
  await step('delete', { data: { target: target.id } });
  await catalogue.remove(target, id);
  return { message: `backup_id=${id} deleted`, result: { backup_id: id } };
}

/** @throws LAST_BACKUP when no other one of its pool was verified */
async function refuseLast(catalogue: Catalogue, id: string): Promise<void> {
  const { pool } = (await catalogue.get(id)).manifest;
  const others = (await catalogue.list('')).filter(
    ({ manifest, verifiedMs }) => manifest.pool === pool && manifest.backupId !== id && verifiedMs > 0,
  );
  if (others.length === 0) throw fail(operationsErrors.LAST_BACKUP, { id, pool });
}

function resultOf({ manifest, manifestSha256, files, bytes }: StoredBackup): Record<string, string> {
  const { backupId, pool } = manifest;
  return { backup_id: backupId, pool, files: `${files}`, bytes: `${bytes}`, manifest_sha256: manifestSha256 };
}
