import { type ApiCaller, type Labels, part } from './api-caller.js';
import type { NetworkCreate, NetworkInspect, VolumeListed } from './api-types.js';
import type { CallOptions } from './http.js';

export class NetworkCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  create(network: NetworkCreate, options: CallOptions = {}): Promise<NetworkInspect> {
    const subject = { kind: 'network', name: network.name };
    const action = `create network ${network.name}`;
    const body = { driver: 'bridge', ...network };
    return this.#api.json({ method: 'POST', path: '/networks/create', body, action, subject, ...options });
  }

  exists(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.#api.exists('network', name, options);
  }

  inspect(name: string, options: CallOptions = {}): Promise<NetworkInspect> {
    const subject = { kind: 'network', name };
    const path = part('networks', name, 'json');
    return this.#api.json({ method: 'GET', path, action: `inspect network ${name}`, subject, ...options });
  }

  list(labels: Labels = {}, options: CallOptions = {}): Promise<NetworkInspect[]> {
    const call = { method: 'GET', path: '/networks/json', action: 'list networks', ...options } as const;
    return this.#api.listed<NetworkInspect>(call, labels, (network) => network.labels);
  }

  async remove(name: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'network', name };
    const path = part('networks', name);
    await this.#api.done({ method: 'DELETE', path, action: `remove network ${name}`, subject, ...options });
  }
}

export class VolumeCalls {
  readonly #api: ApiCaller;

  constructor(api: ApiCaller) {
    this.#api = api;
  }

  async create(
    name: string,
    labels: Labels,
    options: CallOptions & { readonly inMemory?: boolean } = {},
  ): Promise<void> {
    const { inMemory = false, ...rest } = options;
    // Podman 4.3 reads Label, later ones Labels.
    const body = {
      ...{ Name: name, Label: labels, Labels: labels },
      ...(inMemory ? { Driver: 'local', Options: { type: 'tmpfs', device: 'tmpfs' } } : {}),
    };
    const subject = { kind: 'volume', name };
    const action = `create volume ${name}`;
    await this.#api.done({ method: 'POST', path: '/volumes/create', body, action, subject, ...rest });
  }

  exists(name: string, options: CallOptions = {}): Promise<boolean> {
    return this.#api.exists('volume', name, options);
  }

  list(labels: Labels = {}, options: CallOptions = {}): Promise<VolumeListed[]> {
    const call = { method: 'GET', path: '/volumes/json', action: 'list volumes', ...options } as const;
    return this.#api.listed<VolumeListed>(call, labels, (volume) => volume.Labels);
  }

  /** Refused while a container uses it: podman's `force` would remove the container. */
  async remove(name: string, options: CallOptions = {}): Promise<void> {
    const subject = { kind: 'volume', name };
    const path = part('volumes', name);
    await this.#api.done({ method: 'DELETE', path, action: `remove volume ${name}`, subject, ...options });
  }
}
