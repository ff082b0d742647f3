import { fail } from '@edgeplane/base';
import type { OperationLog } from '../work/index.js';
import { virtrigaudErrors } from './errors.js';
import { runnerOf, type WorkTools } from './work-tools.js';

export interface SnapshotWork {
  readonly id: string;
  readonly name: string;
  /** As the caller wished it. */
  readonly hint: string;
  readonly memory: boolean;
  readonly description: string;
}

export interface SnapshotRefWork {
  readonly id: string;
  readonly name: string;
}

/** Registers the work on snapshots. */
export function registerSnapshotWork(log: OperationLog, tools: WorkTools): void {
  const { snapshots } = tools.engine;
  log.register(
    'snapshot',
    runnerOf<SnapshotWork>(tools, 'short', async ({ id, name, memory, description }) => {
      const there = (await snapshots.list(id)).find((one) => one.name === name);
      // One that is there since this operation waits, or was begun in an earlier life.
      if (there && (there.memory !== memory || (there.description ?? '') !== description))
        throw fail(virtrigaudErrors.SNAPSHOT_EXISTS, { id, name });
      if (!there)
        await snapshots.create(id, { name, memory, ...(description === '' ? {} : { description }) });
      return { message: 'snapshot taken', result: { name } };
    }),
  );
  log.register(
    'snapshot-delete',
    runnerOf<SnapshotRefWork>(tools, 'short', async ({ id, name }) => {
      await snapshots.delete(id, name);
      return { message: 'snapshot deleted' };
    }),
  );
  log.register(
    'snapshot-revert',
    runnerOf<SnapshotRefWork>(tools, 'short', async ({ id, name }) => {
      await snapshots.revert(id, name);
      return { message: 'snapshot restored' };
    }),
  );
}
