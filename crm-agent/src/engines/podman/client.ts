import type { Clock } from '@edgeplane/base';
import { ApiCaller } from './api-caller.js';
import { jsonLines } from './api-streams.js';
import type { ApiVersion, PodmanEvent } from './api-types.js';
import { ContainerCalls } from './client-containers.js';
import { ExecCalls } from './client-exec.js';
import { ImageCalls } from './client-images.js';
import { NetworkCalls, VolumeCalls } from './client-networks.js';
import { PodCalls } from './client-pods.js';
import type { CallOptions, Endpoint } from './http.js';

/**
 * The calls of podman's REST interface that the engine makes, typed. Knows nothing of owners or specs. Every call has a
 * deadline and takes an abort signal.
 */
export class PodmanClient {
  readonly #api: ApiCaller;
  readonly images: ImageCalls;
  readonly networks: NetworkCalls;
  readonly volumes: VolumeCalls;
  readonly containers: ContainerCalls;
  readonly pods: PodCalls;
  readonly execs: ExecCalls;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#api = new ApiCaller(endpoint, clock);
    this.images = new ImageCalls(this.#api);
    this.networks = new NetworkCalls(this.#api);
    this.volumes = new VolumeCalls(this.#api);
    this.containers = new ContainerCalls(this.#api);
    this.pods = new PodCalls(this.#api);
    this.execs = new ExecCalls(this.#api);
  }

  /** True when the service answers; never throws. */
  async ping(options: CallOptions = {}): Promise<boolean> {
    return this.reach(options).then(
      () => true,
      () => false,
    );
  }

  /** @throws what keeps the service from answering */
  async reach(options: CallOptions = {}): Promise<void> {
    const call = { method: 'GET', path: '/_ping', action: 'ping', deadlineMs: 2_000, ...options } as const;
    await this.#api.done(call);
  }

  version(options: CallOptions = {}): Promise<ApiVersion> {
    return this.#api.json({ method: 'GET', path: '/version', action: 'read its version', ...options });
  }

  info(options: CallOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#api.json({ method: 'GET', path: '/info', action: 'read its configuration', ...options });
  }

  /** Events from now on until `signal` aborts. */
  async *events(
    filters: Readonly<Record<string, readonly string[]>>,
    signal: AbortSignal,
  ): AsyncGenerator<PodmanEvent> {
    const query = { stream: 'true', filters: JSON.stringify(filters) };
    const call = { method: 'GET', path: '/events', query, action: 'stream events', signal } as const;
    const response = await this.#api.stream(call);
    try {
      yield* jsonLines<PodmanEvent>(response);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      response.destroy();
    }
  }
}
