import { Backoff, fail, sleep, systemClock, systemRandom } from '@edgeplane/base';
import {
  type ChannelCredentials,
  type ChannelInterface,
  Client,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { storeErrors } from './errors.js';
import { refusal, verdictOf } from './etcd-errors.js';

/** A method of a generated service definition. */
export interface Method<Req, Res> {
  readonly path: string;
  requestSerialize(value: Req): Buffer;
  responseDeserialize(value: Buffer): Res;
}

export interface CallPolicy {
  /** Time for the whole call with its repeats, milliseconds. */
  readonly timeoutMs: number;
  /**
   * `free`: a repeat has no further effect. `guarded`: at most one of several repeats can take effect.
   * `never`: not repeated once it may have been carried out.
   */
  readonly repeat: 'free' | 'guarded' | 'never';
}

export interface Answer<Res> {
  readonly response: Res;
  /** Why an earlier try of this call may have been carried out; undefined when this is the only one that can have been. */
  readonly uncertain: string | undefined;
}

interface Endpoint {
  readonly url: string;
  readonly client: Client;
}

/** How long one endpoint may take to connect while there are others. */
const CONNECT_MS = 1000;
/** How long one try may take at least, where there is somebody else to ask. */
const TRY_MS = 1000;
/** A write that a member passed on to a leader that died is lost without a word, and leaders may die in a row. */
const TRIES = 5;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd answers pings that come more often than every 5 s with the end of the connection.
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
};

/** Calls to an etcd cluster: one connection per endpoint, one endpoint in use until it fails. */
export class EtcdCalls {
  /** For messages: names all endpoints. */
  readonly name: string;
  readonly #endpoints: readonly Endpoint[];
  readonly #closed = new AbortController();
  #current = 0;

  constructor(urls: readonly string[], given?: ChannelCredentials) {
    this.name = `etcd:${urls.join(',')}`;
    if (urls.length === 0)
      throw fail(storeErrors.STORE_SPEC_INVALID, { value: 'etcd:', rule: 'no url is given' });
    this.#endpoints = urls.map((url) => {
      const { target, tls } = parseUrl(url);
      const creds = tls ? (given ?? credentials.createSsl()) : credentials.createInsecure();
      return { url, client: new Client(target, creds, CHANNEL_OPTIONS) };
    });
  }

  /** Aborts when {@link close} is called. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  close(): void {
    this.#closed.abort();
    for (const { client } of this.#endpoints) client.close();
  }

  /**
   * Makes a unary call, on another endpoint where one fails.
   * @throws EdgeplaneError STORE_UNAVAILABLE (certainly not carried out), WRITE_UNCERTAIN, STORE_CLOSED, or the refusal.
   */
  async call<Req, Res>(method: Method<Req, Res>, request: Req, policy: CallPolicy): Promise<Answer<Res>> {
    const end = systemClock.monotonic() + policy.timeoutMs;
    const backoff = new Backoff({ base: 50, max: 500 }, systemRandom);
    let uncertain: string | undefined;
    let last = '';
    for (;;) {
      const left = end - systemClock.monotonic();
      if (left <= 0) throw this.#gaveUp(uncertain, `${last}; gave up after ${policy.timeoutMs / 1000} s`);
      const endpoint = this.endpoint();
      try {
        return { response: await this.#once(endpoint, method, request, left, policy), uncertain };
      } catch (caught) {
        const error = caught as ServiceError;
        if (this.closed.aborted) throw fail(storeErrors.STORE_CLOSED);
        const verdict = verdictOf(error);
        // Why a connection fails says more than that the time ran out while it was tried once more.
        if (last === '' || error.code !== status.DEADLINE_EXCEEDED)
          last = `${endpoint.url}: ${error.details}`;
        if (verdict === 'refused' && uncertain === undefined) throw refusal(this.name, error);
        if (verdict !== 'unsent' && policy.repeat !== 'free')
          uncertain ??= `${endpoint.url}: ${error.details}`;
        if (verdict === 'refused' || (uncertain !== undefined && policy.repeat === 'never')) {
          throw this.#gaveUp(uncertain, last);
        }
        this.leave(endpoint);
      }
      await this.#pause(Math.min(backoff.next(), Math.max(0, end - systemClock.monotonic())));
    }
  }

  /** Opens a stream on the endpoint in use. The server ends it when it has lost its leader. */
  stream<Req, Res>(
    method: Method<Req, Res>,
    endpoint: Endpoint,
    timeoutMs?: number,
  ): ClientDuplexStream<Req, Res> {
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const options = timeoutMs === undefined ? {} : { deadline: systemClock.now() + timeoutMs };
    const stream = endpoint.client.makeBidiStreamRequest<Req, Res>(
      method.path,
      (value) => method.requestSerialize(value),
      (bytes) => method.responseDeserialize(bytes),
      metadata,
      options,
    );
    // The reader of the stream sees its errors; one that comes after the reader has left means nothing.
    stream.on('error', () => undefined);
    return stream;
  }

  endpoint(): Endpoint {
    const endpoint = this.#endpoints[this.#current];
    if (!endpoint) throw new RangeError('no endpoint');
    return endpoint;
  }

  /** Turns to the next endpoint, unless somebody has left this one already. */
  leave(endpoint: Endpoint): void {
    if (this.endpoint() === endpoint) this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  async #once<Req, Res>(
    endpoint: Endpoint,
    method: Method<Req, Res>,
    request: Req,
    left: number,
    policy: CallPolicy,
  ): Promise<Res> {
    const several = this.#endpoints.length > 1;
    const started = systemClock.monotonic();
    await connected(endpoint.client.getChannel(), several ? Math.min(left, CONNECT_MS) : left);
    const rest = Math.max(1, left - (systemClock.monotonic() - started));
    // What may be repeated leaves time for other endpoints.
    const one = Math.max(TRY_MS, policy.timeoutMs / TRIES);
    const share = several && policy.repeat !== 'never' ? Math.min(rest, one) : rest;
    return new Promise((resolve, reject) => {
      endpoint.client.makeUnaryRequest<Req, Res>(
        method.path,
        (value) => method.requestSerialize(value),
        (bytes) => method.responseDeserialize(bytes),
        request,
        new Metadata(),
        { deadline: systemClock.now() + share },
        (error, response) => (response === undefined || error ? reject(error) : resolve(response)),
      );
    });
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(systemClock, ms, this.closed);
    } catch {
      throw fail(storeErrors.STORE_CLOSED);
    }
  }

  #gaveUp(uncertain: string | undefined, reason: string) {
    return uncertain === undefined
      ? fail(storeErrors.STORE_UNAVAILABLE, { store: this.name, reason })
      : fail(storeErrors.WRITE_UNCERTAIN, {
          store: this.name,
          reason: uncertain === reason ? reason : `${uncertain}; then ${reason}`,
        });
  }
}

/** Waits until a channel can say yes or no: a call on a channel that has failed fails at once, with the reason. */
async function connected(channel: ChannelInterface, timeoutMs: number): Promise<void> {
  const deadline = systemClock.now() + timeoutMs;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return;
    const late = await new Promise((resolve) => channel.watchConnectivityState(state, deadline, resolve));
    if (late) {
      throw Object.assign(new Error(), { details: `No connection established within ${timeoutMs} ms` });
    }
  }
}

function parseUrl(url: string): { target: string; tls: boolean } {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:]+\]|[^/:[\]\s]+)(?::(\d{1,5}))?\/?$/.exec(url);
  if (!match?.[2] || Number(match[3] ?? 1) > 65535) {
    throw fail(storeErrors.STORE_SPEC_INVALID, {
      value: `etcd:${url}`,
      rule: 'a url is http://host:port or https://host:port',
    });
  }
  return { target: `${match[2]}:${match[3] ?? '2379'}`, tls: match[1] === 'https' };
}
