import { verdictOf } from '../remote/call-policy.js';
import type { Connection } from '../remote/endpoint.js';
import { CALL_MS } from './host.js';
import type { HostSettings } from './hosts-file.js';

/** The way to one host, whatever dialect it speaks. */
export class HostLink<C> {
  readonly settings: HostSettings;
  readonly namespace: string;
  readonly #connection: Connection<C>;

  constructor(settings: HostSettings, namespace: string, connection: Connection<C>) {
    this.settings = settings;
    this.namespace = namespace;
    this.#connection = connection;
  }

  get address(): string {
    return this.settings.endpoint.address;
  }

  get network() {
    return this.settings.network;
  }

  get client(): C {
    return this.#connection.client;
  }

  async control(signal: AbortSignal) {
    return { signal, deadlineMs: CALL_MS, headers: await this.#connection.headers() };
  }

  close(): void {
    this.#connection.close();
  }
}

/** What a call answers; undefined when the host says that there is no such microVM. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (verdictOf(error) === 'missing') return undefined;
    throw error;
  }
}
