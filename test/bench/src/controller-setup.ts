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

/** Runs `work` with an etcd and a controller on it, each a process of its own; `prepare` comes before the controller. */
export async function withController<T>(
  work: (setup: Setup) => Promise<T>,
  prepare: (etcd: Etcd) => Promise<void> = async () => {},
): Promise<T> {
  const dir = tempDir('bench');
  const etcd = await startEtcd({ dir: join(dir.path, 'etcd') });
  try {
    await prepare(etcd);
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
