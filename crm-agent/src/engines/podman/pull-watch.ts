import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@edgeplane/base';

/** What podman has done so far of fetching images. */
export interface PullProgress {
  /** Bytes of blobs that lie in its scratch folder. */
  readonly fetched: number;
  /** Bytes that its process has read, of anything. */
  readonly read: number;
}

export interface PullWatchOptions {
  readonly clock: Clock;
  readonly progress: () => Promise<PullProgress>;
  /** How long nothing may happen, milliseconds; default a minute. */
  readonly stallMs?: number;
}

const STALL_MS = 60_000;
const LOOKS = 12;
/** Reads of this many bytes between two looks are those of somebody who unpacks, and not of one who answers calls. */
const UNPACKING = 256 * 1024;

/**
 * Runs work that fetches an image, and cuts it short when nothing has come for too long: podman itself waits for ever for a
 * registry that accepts its connection and then says nothing. @throws what `stalled` makes of the seconds
 */
export async function watchPull<T>(
  options: PullWatchOptions,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  stalled: (seconds: number) => Error,
): Promise<T> {
  const { clock, progress, stallMs = STALL_MS } = options;
  const stall = new AbortController();
  let over = false;
  let cancel: () => void = () => undefined;
  let looking = Promise.resolve();
  let last = await progress();
  let heardAt = clock.monotonic();
  const later = () => {
    if (over) return;
    cancel = clock.after(stallMs / LOOKS, () => {
      looking = look();
    });
  };
  const look = async () => {
    const now = await progress().catch(() => last);
    if (now.fetched !== last.fetched || now.read - last.read >= UNPACKING) heardAt = clock.monotonic();
    last = now;
    if (clock.monotonic() - heardAt >= stallMs) stall.abort();
    else later();
  };
  later();
  try {
    return await work(signal ? AbortSignal.any([signal, stall.signal]) : stall.signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw stall.signal.aborted ? stalled(stallMs / 1000) : error;
  } finally {
    over = true;
    cancel();
    await looking;
  }
}

/** @param pid of the process that fetches; undefined while there is none */
export async function readProgress(scratchDir: string, pid: number | undefined): Promise<PullProgress> {
  const io = pid === undefined ? '' : await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '');
  const names = await readdir(scratchDir, { recursive: true }).catch(() => []);
  // They come and go.
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(scratchDir, name)).then(
        (file) => file.size,
        () => 0,
      ),
    ),
  );
  return {
    fetched: sizes.reduce((sum, size) => sum + size, 0),
    read: Number(/^rchar: (\d+)$/m.exec(io)?.[1] ?? 0),
  };
}
