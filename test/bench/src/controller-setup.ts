import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Etcd, type Running, startController, startEtcd, tempDir } from '@edgeplane/test-harness';

export interface Setup {
  readonly dir: string;
  readonly etcd: Etcd;
  readonly api: string;
  readonly notify: string;
  readonly controller: Running;
  /** From its launch until it was ready, milliseconds. */
  readonly startMs: number;
}

/**
 * Runs `work` with an etcd and a controller on it, each a process of its own. What `fill` has stored is taken over by a
 * controller of its own before, so that the one measured finds what it would have left itself.
 */
export async function withController<T>(
  work: (setup: Setup) => Promise<T>,
  fill?: (etcd: Etcd) => Promise<void>,
): Promise<T> {
  const dir = tempDir('bench');
  const etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
  try {
    if (fill) {
      await fill(etcd);
      const first = await startController(dir.path, `etcd:${etcd.url}`);
      await first.stop(30_000);
    }
    const started = performance.now();
    const controller = await startController(dir.path, `etcd:${etcd.url}`);
    const startMs = performance.now() - started;
    const { api = '', notify = '' } = controller.addresses;
    try {
      return await work({ dir: dir.path, etcd, api, notify, controller, startMs });
    } finally {
      await controller.stop(30_000);
    }
  } finally {
    await etcd.stop();
    dir.remove();
  }
}

/** Resident memory of a process, megabytes. */
export function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) / 1024;
}
