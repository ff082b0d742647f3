import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fail, isKind, writeFileAtomic } from '@edgeplane/base';
import { type OperationRecord, type RunContext, type Success, workErrors } from '../../work/index.js';
import { backupIdOf, type Catalogue } from '../backups/catalogue.js';
import { verifyFiles } from '../backups/file-checks.js';
import { type Manifest, totalsOf } from '../backups/manifest.js';
import { saveFiles, writeManifest } from '../backups/saving.js';
import { readTree, type Tree } from '../backups/tree.js';
import { operationsErrors } from '../errors.js';
import type { BackupTarget } from '../inventory.js';
import type { Pool, PoolView } from '../pools/pool.js';
import type { Pools } from '../pools/pools.js';
import { type CreateBackupWork, poolLane } from './kinds.js';

/** Shares of the whole that copying and reading back take, permille. */
const COPIED = 600;
const READ_BACK = 950;

/**
 * Makes a backup (IsardVDI spec section A9): looks at the target, takes a view of the pool, copies, writes the manifest, reads
 * everything back, and only then gives it its name. The pool is free for others as soon as there is the view.
 */
export async function createBackup(
  {
    pools,
    catalogue,
    clock,
  }: { readonly pools: Pools; readonly catalogue: Catalogue; readonly clock: Clock },
  record: OperationRecord,
  context: RunContext,
): Promise<Success> {
  const { signal, step } = context;
  const { pool: poolId, target: targetId, label } = record.request as CreateBackupWork;
  const pool = await pools.take(poolId, signal);
  const target = catalogue.target(targetId);
  const id = backupIdOf(record.id);
  const draft = catalogue.partial(target, id);
  const view = { pool, name: record.id };
  if (!(await catalogue.has(target, id))) {
    try {
      await step('preflight', { message: `looking at target ${target.id}` });
      await rm(draft, { recursive: true, force: true });
      await checkTarget(catalogue, pool, target);
      await step('snapshot', { message: 'taking a view of the pool' });
      const seen = await pool.view(view.name, signal);
      await context.release(poolLane(pool.id));
      await step('walk', { message: 'looking what there is to copy' });
      const tree = await readTree(pool.id, seen.path, signal);
      await checkRoom(catalogue, target, tree.bytes);
      const heading = { id, pool: pool.id, label, createdMs: record.createdMs };
      const manifest = await copy(heading, seen, tree, draft, context);
      await pool.dropView(view.name, signal);
      await readBack(manifest, draft, context);
      await writeFileAtomic(join(draft, 'verified.json'), JSON.stringify({ atMs: clock.now() }));
      await step('publish', { permille: READ_BACK });
      await catalogue.publish(target, id);
    } catch (error) {
      // What only this life gives up is gone on with in the next.
      if (!isKind(signal.reason, workErrors.STOPPING)) {
        await rm(draft, { recursive: true, force: true });
        // One that stays is given back when the agent starts again; why the backup failed is what counts.
        await pool.dropView(view.name, new AbortController().signal).catch(() => undefined);
      }
      throw error;
    }
  }
  const { manifest, manifestSha256, files, bytes } = await catalogue.get(id);
  const { consistency, skipped } = manifest;
  const crash = consistency === 'point-in-time' ? 'crash-consistent' : 'each file by itself';
  return {
    message: `backup_id=${id} files=${files} bytes=${bytes} consistency=${consistency} (${crash}) skipped=${skipped.length}`,
    result: {
      ...{ backup_id: id, pool: pool.id, target: target.id, consistency, manifest_sha256: manifestSha256 },
      ...{ files: `${files}`, bytes: `${bytes}`, skipped: `${skipped.length}` },
    },
  };
}

interface Heading {
  readonly id: string;
  readonly pool: string;
  readonly label: string;
  readonly createdMs: number;
}

async function copy(
  { id, pool, label, createdMs }: Heading,
  view: PoolView,
  tree: Tree,
  draft: string,
  { signal, step, progress }: RunContext,
): Promise<Manifest> {
  await step('copy', { message: `copying ${tree.files.length} files, ${tree.bytes} bytes` });
  await mkdir(draft, { mode: 0o700 });
  let copied = 0;
  const onBytes = (bytes: number) => {
    copied += bytes;
    progress(
      Math.min(1, copied / Math.max(1, tree.bytes)) * COPIED,
      `${copied} of ${tree.bytes} bytes copied`,
    );
  };
  const files = await saveFiles(pool, view, tree, draft, { signal, onBytes });
  const manifest: Manifest = {
    ...{ version: 1, backupId: id, pool, label, createdMs },
    consistency: view.frozen ? 'point-in-time' : 'per-file',
    entries: [...tree.folders, ...files, ...tree.links],
    skipped: tree.skipped,
  };
  await step('manifest', { permille: COPIED });
  await writeManifest(draft, manifest);
  return manifest;
}

async function readBack(
  manifest: Manifest,
  draft: string,
  { signal, step, progress }: RunContext,
): Promise<void> {
  await step('verify', { message: 'reading the copy back' });
  const total = Math.max(1, totalsOf(manifest).bytes);
  let read = 0;
  const onBytes = (bytes: number) => {
    read += bytes;
    progress(COPIED + (read / total) * (READ_BACK - COPIED), `${read} bytes read back`);
  };
  await verifyFiles(manifest, draft, { signal, onBytes });
}

/** @throws TARGET_UNAVAILABLE */
async function checkTarget(catalogue: Catalogue, pool: Pool, target: BackupTarget): Promise<void> {
  await catalogue.room(target);
  const [inside, outside] = [await realpath(target.path), await realpath(pool.path)];
  if (`${inside}/`.startsWith(`${outside}/`)) {
    const reason = `${target.path} is inside of pool ${pool.id}, with which it would be lost`;
    throw fail(operationsErrors.TARGET_UNAVAILABLE, { target: target.id, reason });
  }
}

/** @throws TARGET_FULL */
async function checkRoom(catalogue: Catalogue, target: BackupTarget, wanted: number): Promise<void> {
  const { free, floor } = await catalogue.room(target);
  if (wanted + floor > free)
    throw fail(operationsErrors.TARGET_FULL, { target: target.id, wanted, floor, have: free });
}
