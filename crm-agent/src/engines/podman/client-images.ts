import type { Readable } from 'node:stream';
import { fail, saysDiskFull } from '@edgeplane/base';
import { type ApiCaller, part } from './api-caller.js';
import { storageFull } from './api-faults.js';
import type { ImageInspect } from './api-types.js';
import { podmanErrors } from './errors.js';
import type { CallOptions } from './http.js';

const LOAD_LIMIT_MS = 10 * 60_000;
const PULL_LIMIT_MS = 15 * 60_000;

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

export class ImageCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  exists(ref: string, options: CallOptions = {}): Promise<boolean> {
    return this.#api.exists('image', ref, options);
  }

  inspect(ref: string, options: CallOptions = {}): Promise<ImageInspect> {
    const subject = { kind: 'image', name: ref };
    const action = `inspect image ${ref}`;
    return this.#api.json({ method: 'GET', path: part('images', ref, 'json'), action, subject, ...options });
  }

  /** Loads a docker or OCI archive; returns the names it carried. */
  async load(archive: Readable, options: CallOptions = {}): Promise<readonly string[]> {
    const answer = await this.#api.json<{ Names?: readonly string[] }>({
      method: 'POST',
      path: '/images/load',
      body: archive,
      headers: { 'Content-Type': 'application/x-tar' },
      action: 'load an image archive',
      deadlineMs: LOAD_LIMIT_MS,
      ...options,
    });
    return answer.Names ?? [];
  }

  /** Pulls from a registry; returns the image id. */
  async pull(ref: string, options: CallOptions & { readonly auth?: RegistryAuth } = {}): Promise<string> {
    const { auth, ...rest } = options;
    const header = auth && padded(Buffer.from(JSON.stringify(auth)).toString('base64url'));
    const answer = await this.#api.send({
      method: 'POST',
      path: '/images/pull',
      query: { reference: ref, policy: 'always', quiet: 'true' },
      ...(header === undefined ? {} : { headers: { 'X-Registry-Auth': header } }),
      action: `pull image ${ref}`,
      deadlineMs: PULL_LIMIT_MS,
      ...rest,
    });
    let id = '';
    // A failure after the first progress line comes with status 200 and is told in a line.
    for (const line of answer.body.toString().split('\n').filter(Boolean)) {
      const entry = JSON.parse(line) as { id?: string; error?: string; cause?: string };
      const reason = entry.error ?? (answer.status >= 400 ? (entry.cause ?? line) : undefined);
      if (reason && saysDiskFull(reason)) throw storageFull(`pull image ${ref}`, reason);
      if (reason) throw fail(podmanErrors.PODMAN_IMAGE_MISSING, { image: ref, reason });
      id = entry.id ?? id;
    }
    return id;
  }

  /** The image as a docker archive; the stream ends early when `signal` aborts. */
  export(ref: string, signal: AbortSignal): Promise<Readable> {
    return this.#api.opened({
      method: 'GET',
      path: part('images', ref, 'get'),
      query: { format: 'docker-archive', compress: 'false' },
      action: `export image ${ref}`,
      subject: { kind: 'image', name: ref },
      signal,
    });
  }

  async tag(ref: string, repo: string, tag: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'image', name: ref };
    const query = { repo, tag };
    const path = part('images', ref, 'tag');
    await this.#api.done({ method: 'POST', path, query, action: `tag image ${ref}`, subject, ...options });
  }

  async remove(ref: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'image', name: ref };
    const path = part('images', ref);
    await this.#api.done({ method: 'DELETE', path, action: `remove image ${ref}`, subject, ...options });
  }
}

/** Podman wants the end filled up, which Node leaves out. */
const padded = (base64: string): string => base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');
