import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, realpath, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, fail, type Random, randomId } from '@edgeplane/base';
import { virtrigaudErrors } from './errors.js';
import { HttpClient, type Saved, saveBody } from './http-client.js';
import type { DigestName } from './image-wish.js';
import type { Location } from './locations.js';
import type { NetGuard } from './net-guard.js';
import { getObject } from './s3.js';

export interface FetcherOptions {
  /** Folder of its own; what is in it does not outlive a start. */
  readonly stagingDir: string;
  readonly guard: NetGuard;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxBytes: number;
}

export interface FetchRequest {
  readonly location: Location;
  readonly algorithm: DigestName;
  /** Member of the request that has the address. */
  readonly field: string;
  readonly signal: AbortSignal;
  readonly received?: (bytes: number, of: number) => void;
}

/** Room that is left to others, bytes. */
const ROOM_LEFT = 256 * 1024 ** 2;

/** Brings files here from where callers say that they are. */
export class Fetcher {
  readonly #options: FetcherOptions;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Clears what a crash left. */
  async start(): Promise<void> {
    const { stagingDir } = this.#options;
    await rm(stagingDir, { recursive: true, force: true });
    await mkdir(stagingDir, { recursive: true, mode: 0o700 });
  }

  /** A path for a file on its way, which nobody else uses. */
  stagingPath(ending: string): string {
    const { stagingDir, random } = this.#options;
    return join(stagingDir, `${randomId(random)}${ending}`);
  }

  /**
   * Runs work on the file as it came, with its checksums. It is gone afterwards, unless it was on this host.
   * @throws SOURCE_NOT_FOUND, IMAGE_OUTSIDE, ADDRESS_FORBIDDEN, TRANSFER_FAILED, TRANSFER_REFUSED, TRANSFER_TOO_LARGE
   */
  async fetched<T>(
    request: FetchRequest,
    work: (file: Saved & { readonly path: string }) => Promise<T>,
  ): Promise<T> {
    const { location, algorithm, field, signal, received } = request;
    if (location.kind === 'file') {
      await requireInside(field, location.root, location.path);
      return work({ path: location.path, ...(await sums(location.path, algorithm, signal)) });
    }
    const { guard, clock, stagingDir } = this.#options;
    const http = new HttpClient(guard, field);
    const url = location.kind === 's3' ? location.object.url : location.url;
    const { bavail, bsize } = await statfs(stagingDir);
    const limit = Math.min(this.#options.maxBytes, Math.max(0, bavail * bsize - ROOM_LEFT));
    const path = this.stagingPath('.fetched');
    try {
      const body =
        location.kind === 's3'
          ? await getObject(http, clock, location.object, signal)
          : await http.get({ url, headers: location.headers, signal });
      const options = { limit, algorithm, signal, ...(received ? { received } : {}) };
      return await work({ path, ...(await saveBody(url, body, path, options)) });
    } finally {
      await rm(path, { force: true });
    }
  }
}

/** Neither the file nor a folder on its way may be a link that leads out of the root. @throws SOURCE_NOT_FOUND, IMAGE_OUTSIDE */
export async function requireInside(field: string, root: string, path: string): Promise<void> {
  const [realRoot, real] = await Promise.all([root, path].map((one) => realpath(one).catch(() => undefined)));
  if (realRoot === undefined || real === undefined)
    throw fail(virtrigaudErrors.SOURCE_NOT_FOUND, { url: path });
  if (!real.startsWith(`${realRoot}/`))
    throw fail(virtrigaudErrors.IMAGE_OUTSIDE, { field, path, folders: root });
  if (!(await lstat(real)).isFile()) throw fail(virtrigaudErrors.SOURCE_NOT_FOUND, { url: path });
}

async function sums(path: string, algorithm: DigestName, signal: AbortSignal): Promise<Saved> {
  const [sha256, digest] = [createHash('sha256'), createHash(algorithm)];
  let bytes = 0;
  for await (const chunk of createReadStream(path, { signal })) {
    bytes += (chunk as Buffer).length;
    sha256.update(chunk as Buffer);
    digest.update(chunk as Buffer);
  }
  return { bytes, sha256: sha256.digest('hex'), digest: digest.digest('hex') };
}
