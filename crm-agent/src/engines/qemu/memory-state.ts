import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Clock, fail, isDiskFull, messageOf, namingFullDisk, sleep } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { syncDirectory, temporaryName } from './files.js';
import type { QmpClient } from './qmp.js';

/** QEMU's own limit is far below what a local socket carries. */
const BANDWIDTH = 2 ** 40;

export interface MemoryTarget {
  readonly id: string;
  readonly path: string;
  /** A socket for the transfer: as we and as QEMU, whose working directory is the machine's, reach it. */
  readonly socket: { readonly ours: string; readonly theirs: string };
  readonly clock: Clock;
}

/**
 * Writes memory and devices of a machine that stands still to a file, which appears when it is whole and on disk.
 * QEMU may start no programs, so it sends them to us. @throws memoryNotSaved, DISK_FULL
 */
export async function saveMemory(qmp: QmpClient, target: MemoryTarget): Promise<void> {
  const { id, path, socket, clock } = target;
  const part = temporaryName(path);
  await rm(socket.ours, { force: true });
  const over = new AbortController();
  const server = createServer();
  const file = await open(part, 'wx', 0o640);
  let stored = Promise.resolve();
  try {
    server.listen(socket.ours);
    await once(server, 'listening');
    await qmp.execute('migrate-set-parameters', { 'max-bandwidth': BANDWIDTH });
    // Before QEMU is told to, as it connects at once.
    stored = receive(server, file, over.signal);
    stored.catch(() => undefined);
    await qmp.execute('migrate', { uri: `unix:${socket.theirs}` });
    const sent = migrated(qmp, clock).catch((error: unknown) => {
      over.abort(error);
      throw error;
    });
    // When one side fails so does the other; what went wrong with the file is the better reason.
    const [kept, transfer] = await Promise.allSettled([stored, sent]);
    if (kept.status === 'rejected' && (kept.reason as Error).name !== 'AbortError')
      await namingFullDisk(path, () => Promise.reject(kept.reason));
    if (transfer.status === 'rejected') throw transfer.reason;
    await file.sync();
    await file.close();
    await rename(part, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (isDiskFull(error)) throw error;
    throw fail(qemuErrors.memoryNotSaved, { id, reason: messageOf(error) }, { cause: error });
  } finally {
    over.abort();
    server.close();
    // Nothing may write to the file's number once it is somebody else's.
    await stored.catch(() => undefined);
    await file.close().catch(() => undefined);
    await rm(part, { force: true });
    await rm(socket.ours, { force: true });
  }
}

async function receive(server: Server, file: FileHandle, signal: AbortSignal): Promise<void> {
  const [stream] = (await once(server, 'connection', { signal })) as [Socket];
  // By its number: a stream of the handle itself would keep the handle from being closed.
  await pipeline(stream, createWriteStream('', { fd: file.fd, autoClose: false }), { signal });
}

/** Waits until a transfer of memory, either way, has ended well. */
export async function migrated(qmp: QmpClient, clock: Clock): Promise<void> {
  for (;;) {
    const answer = (await qmp.execute('query-migrate')) as { status?: string; 'error-desc'?: string };
    if (answer.status === 'completed') return;
    if (answer.status === 'failed' || answer.status === 'cancelled')
      throw new Error(answer['error-desc'] ?? `the transfer ${answer.status}`);
    await sleep(clock, 20);
  }
}
