import { deferred, fail, sleep, systemClock } from '@edgeplane/base';
import { storeErrors } from './errors.js';
import type { EtcdCalls } from './etcd-calls.js';
import { LeaseKeepAliveRequest, type LeaseKeepAliveResponse, LeaseService } from './gen/etcd.js';

/** Keeps one etcd lease alive, a third of its time to live apart. One short stream per keepalive, so none can go stale. */
export class EtcdKeepalive {
  readonly #calls: EtcdCalls;
  readonly #id: bigint;
  readonly #ttlMs: number;
  readonly #lost = deferred<Error>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** `grantedAt`: monotonic time at which the lease was asked for. `onLost` is called at most once. */
  constructor(calls: EtcdCalls, id: bigint, ttlSeconds: number, grantedAt: number, onLost: () => void) {
    this.#calls = calls;
    this.#id = id;
    this.#ttlMs = ttlSeconds * 1000;
    this.#running = this.#run(grantedAt + this.#ttlMs, onLost);
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  /** Ends the keepalives; the lease goes on until its time to live has passed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(expiresAt: number, onLost: () => void): Promise<void> {
    const { signal } = this.#stop;
    let expires = expiresAt;
    let wait = this.#ttlMs / 3;
    for (;;) {
      await sleep(systemClock, wait, signal).catch(() => undefined);
      if (signal.aborted) return;
      const sent = systemClock.monotonic();
      const ttl = await this.#once(Math.max(250, Math.min(2000, this.#ttlMs / 3)));
      if (signal.aborted) return;
      if (ttl !== undefined && ttl > 0) {
        // Counted from before the request, so that we never believe in the lease for longer than etcd does.
        expires = sent + ttl * 1000;
        wait = this.#ttlMs / 3;
        continue;
      }
      if (ttl === 0 || systemClock.monotonic() >= expires) {
        onLost();
        this.#lost.resolve(fail(storeErrors.LEASE_LOST, { id: String(this.#id) }));
        return;
      }
      wait = Math.min(500, this.#ttlMs / 10);
    }
  }

  /** Seconds granted, 0 when the lease is gone, undefined when there was no answer. */
  async #once(timeoutMs: number): Promise<number | undefined> {
    const endpoint = this.#calls.endpoint();
    const stream = this.#calls.stream(LeaseService.leaseKeepAlive, endpoint, timeoutMs);
    const cancel = () => stream.cancel();
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
    try {
      stream.write(LeaseKeepAliveRequest.fromPartial({ ID: this.#id }));
      for await (const response of stream) return Number((response as LeaseKeepAliveResponse).TTL);
      return undefined;
    } catch {
      this.#calls.leave(endpoint);
      return undefined;
    } finally {
      this.#stop.signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }
}
