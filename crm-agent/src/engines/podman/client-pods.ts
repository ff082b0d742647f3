import { type ApiCaller, type Labels, part } from './api-caller.js';
import { apiFailure } from './api-faults.js';
import type { PlayKubeReport, PodListed } from './api-types.js';
import type { CallOptions } from './http.js';

export class PodCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  list(labels: Labels = {}, options: CallOptions = {}): Promise<PodListed[]> {
    const call = { method: 'GET', path: '/pods/json', action: 'list pods', ...options } as const;
    return this.#api.listed<PodListed>(call, labels, (pod) => pod.Labels);
  }

  async create(spec: { readonly name: string }, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'pod', name: spec.name };
    const action = `create pod ${spec.name}`;
    await this.#api.done({ method: 'POST', path: '/pods/create', body: spec, action, subject, ...options });
  }

  async start(name: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'pod', name };
    const path = part('pods', name, 'start');
    await this.#api.done({ method: 'POST', path, action: `start pod ${name}`, subject, ...options });
  }

  async stop(name: string, graceSeconds: number, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'pod', name };
    const path = part('pods', name, 'stop');
    const query = { t: String(graceSeconds) };
    await this.#api.done({ method: 'POST', path, query, action: `stop pod ${name}`, subject, ...options });
  }

  /** Removes it with its containers, running or not. */
  async remove(name: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'pod', name };
    const query = { force: 'true' };
    const path = part('pods', name);
    await this.#api.done({
      method: 'DELETE',
      path,
      query,
      action: `remove pod ${name}`,
      subject,
      ...options,
    });
  }

  /** `name` is only for error texts. What podman reports of single containers is an error too. */
  async playKube(
    name: string,
    yaml: string,
    networks: readonly string[],
    options: CallOptions = {},
  ): Promise<PlayKubeReport> {
    const subject = { kind: 'manifest', name };
    const action = `play the manifest of ${name}`;
    const query = { network: networks, start: 'true' };
    const call = {
      method: 'POST',
      path: '/play/kube',
      query,
      body: yaml,
      action,
      subject,
      ...options,
    } as const;
    const report = await this.#api.json<PlayKubeReport>(call);
    const errors = (report.Pods ?? []).flatMap((pod) => pod.ContainerErrors ?? []);
    if (errors.length === 0) return report;
    const body = Buffer.from(JSON.stringify({ message: errors.join('; ') }));
    throw apiFailure({ status: 500, body, action, ...subject });
  }

  async playKubeDown(name: string, yaml: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'manifest', name };
    const action = `take the manifest of ${name} down`;
    await this.#api.done({ method: 'DELETE', path: '/play/kube', body: yaml, action, subject, ...options });
  }
}
