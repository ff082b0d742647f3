import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { type Clock, fail, messageOf } from '@edgeplane/base';
import { qemuErrors } from './errors.js';

export interface Digest {
  readonly algorithm: 'md5' | 'sha256';
  readonly hex: string;
}

export interface DownloadLimits {
  readonly clock: Clock;
  /** How long a server may send nothing, milliseconds; default a minute. */
  readonly stallMs?: number;
  /** Largest download in bytes; default 20 GiB. */
  readonly maxBytes?: number;
}

const STALL_MS = 60_000;
const MAX_BYTES = 20 * 1024 ** 3;

/**
 * Fetches a URL into a file, which must not be there yet and may be left in part when this fails.
 * @throws imageNotFound, imageDownloadFailed, imageTooLarge, imageDigestMismatch
 */
export async function download(
  url: string,
  digest: Digest | undefined,
  path: string,
  limits: DownloadLimits,
): Promise<void> {
  const shown = withoutSecrets(url);
  const limit = limits.maxBytes ?? MAX_BYTES;
  const stall = watchStall(limits);
  const broken = (error: unknown): Error => {
    const reason = messageOf((error as Error).cause ?? error);
    return fail(qemuErrors.imageDownloadFailed, { path: shown, reason }, { cause: error });
  };
  try {
    const response = await fetch(url, { signal: stall.signal }).catch((error: unknown) => {
      throw broken(error);
    });
    if (response.status === 404) throw fail(qemuErrors.imageNotFound, { path: shown });
    if (!response.ok || !response.body) throw broken(new Error(`HTTP status ${response.status}`));
    if (Number(response.headers.get('content-length') ?? 0) > limit) {
      await response.body.cancel();
      throw fail(qemuErrors.imageTooLarge, { path: shown, limit });
    }
    const hash = digest && createHash(digest.algorithm);
    const file = await open(path, 'wx', 0o640);
    let size = 0;
    try {
      for await (const chunk of chunksOf(response.body, broken)) {
        stall.heard();
        size += chunk.length;
        if (size > limit) throw fail(qemuErrors.imageTooLarge, { path: shown, limit });
        hash?.update(chunk);
        await file.writeFile(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const actual = hash?.digest('hex') ?? '';
    if (digest && actual !== digest.hex) {
      const params = { path: shown, algorithm: digest.algorithm, actual, expected: digest.hex };
      throw fail(qemuErrors.imageDigestMismatch, params);
    }
  } finally {
    stall.end();
  }
}

/** How many bytes a server says that a URL has; 0 when it does not say: whatever is wrong is told by the download. */
export async function bytesAt(url: string, limits: DownloadLimits): Promise<number> {
  const stall = watchStall(limits);
  try {
    const { ok, headers } = await fetch(url, { method: 'HEAD', signal: stall.signal });
    return ok ? Number(headers.get('content-length') ?? 0) || 0 : 0;
  } catch {
    return 0;
  } finally {
    stall.end();
  }
}

/** Aborts when it has not been told for too long that something came. */
function watchStall({ clock, stallMs = STALL_MS }: DownloadLimits) {
  const abort = new AbortController();
  const silent = () => abort.abort(new Error(`the server has sent nothing for ${stallMs / 1000} s`));
  let cancel = clock.after(stallMs, silent);
  return {
    signal: abort.signal,
    heard() {
      cancel();
      cancel = clock.after(stallMs, silent);
    },
    end: () => cancel(),
  };
}

/** Body chunks; a connection that breaks off becomes an error of ours. */
async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  broken: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw broken(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** A URL for messages: neither credentials nor query, where signed URLs keep theirs. */
function withoutSecrets(url: string): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  shown.search = '';
  return shown.href;
}
