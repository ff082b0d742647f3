import {
  Backoff,
  type Clock,
  deferred,
  fail,
  type Logger,
  messageOf,
  type Random,
  sleep,
} from '@edgeplane/base';
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
} from 'nats';
import { busErrors } from './errors.js';

export interface NatsTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

export interface NatsLinkOptions {
  /** `nats://host:port` or `tls://host:port`; at least one. */
  readonly urls: readonly string[];
  /** Contents of a credentials file. */
  readonly creds?: Uint8Array | undefined;
  readonly tls?: NatsTls | undefined;
  /** Name of the connection, for the server's monitoring. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A connection in use. `lives` counts its connects: what a server kept for the last one may be gone. */
export interface NatsSession {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
}

/** How long one attempt, or one request of JetStream, may take, milliseconds. */
const TIMEOUT_MS = 4000;
const PING_MS = 3000;

/** Keeps a connection to NATS for as long as it lives, whether a server is there or not. */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #prepare: (session: NatsSession) => Promise<void>;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #up = deferred<NatsSession>();
  #session: NatsSession | undefined;
  #reason = 'not connected yet';

  /** `prepare` runs after each connect, before the link counts as up, and again until it ends well. */
  constructor(options: NatsLinkOptions, prepare: (session: NatsSession) => Promise<void>) {
    this.#options = options;
    this.#prepare = prepare;
    // Nobody may be waiting when the link is closed.
    this.#up.promise.catch(() => undefined);
    this.#running = this.#run();
  }

  /** The connection, while it is up. */
  get session(): NatsSession | undefined {
    return this.#session;
  }

  get name(): string {
    return this.#options.urls.join(',');
  }

  /** @throws EdgeplaneError BUS_UNAVAILABLE */
  unavailable() {
    return fail(busErrors.BUS_UNAVAILABLE, { bus: this.name, reason: this.#reason });
  }

  /** The connection as soon as it is up. Rejects when `signal` aborts or the link is closed. */
  async whenUp(signal: AbortSignal): Promise<NatsSession> {
    if (this.#session) return this.#session;
    const ended = deferred<never>();
    const end = () => ended.reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return Promise.race([this.#up.promise, ended.promise]).finally(() =>
      signal.removeEventListener('abort', end),
    );
  }

  async close(): Promise<void> {
    this.#end.abort(fail(busErrors.BUS_CLOSED));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#end;
    const backoff = new Backoff({ base: 250, max: 3000 }, random);
    while (!signal.aborted) {
      let connection: NatsConnection;
      try {
        connection = await connect(this.#connectionOptions());
      } catch (error) {
        this.#down(messageOf(error));
        await sleep(clock, 100 + backoff.next(), signal).catch(() => undefined);
        continue;
      }
      backoff.reset();
      await this.#use(connection);
    }
    this.#up.reject(fail(busErrors.BUS_CLOSED));
    logger.debug({ bus: this.name }, 'Bus closed');
  }

  /** Follows one connection, through its reconnects, to its end. */
  async #use(connection: NatsConnection): Promise<void> {
    const { signal } = this.#end;
    const { logger } = this.#options;
    let life = 0;
    let preparing: Promise<void> = this.#makeUp(connection, () => life === 0);
    const close = () => void connection.close();
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
    // The library does not end this iteration with the connection.
    const statuses = connection.status()[Symbol.asyncIterator]();
    const closed = connection.closed();
    for (;;) {
      const next = await Promise.race([statuses.next(), closed.then(() => undefined)]);
      if (!next || next.done) break;
      const status = next.value;
      if (status.type === Events.Disconnect) {
        life += 1;
        this.#down('the connection broke');
      } else if (status.type === Events.Reconnect) {
        const mine = life;
        preparing = preparing.then(() => this.#makeUp(connection, () => life === mine));
      } else if (status.type === Events.Error) {
        logger.warn({ bus: this.name, reason: String(status.data) }, 'Error on the bus');
      }
    }
    life = -1;
    const error = await closed;
    signal.removeEventListener('abort', close);
    this.#down(error ? error.message : 'the connection was closed');
    await preparing;
  }

  async #makeUp(connection: NatsConnection, current: () => boolean): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#end;
    const backoff = new Backoff({ base: 250, max: 3000 }, random);
    while (current() && !signal.aborted) {
      try {
        const session: NatsSession = {
          connection,
          jetstream: connection.jetstream({ timeout: TIMEOUT_MS }),
          manager: await connection.jetstreamManager({ timeout: TIMEOUT_MS, checkAPI: false }),
        };
        await this.#prepare(session);
        if (!current()) return;
        this.#session = session;
        this.#up.resolve(session);
        logger.info({ bus: this.name, server: connection.getServer() }, 'Bus connected');
        return;
      } catch (error) {
        if (current()) this.#note(messageOf(error));
        await sleep(clock, 100 + backoff.next(), signal).catch(() => undefined);
      }
    }
  }

  #down(reason: string): void {
    if (this.#session) {
      this.#session = undefined;
      this.#up = deferred();
      this.#up.promise.catch(() => undefined);
    }
    this.#note(reason);
  }

  #note(reason: string): void {
    if (reason === this.#reason || this.#end.signal.aborted) return;
    this.#reason = reason;
    this.#options.logger.warn({ bus: this.name, reason }, 'Bus not available: events wait');
  }

  #connectionOptions(): ConnectionOptions {
    const { urls, creds, tls, name } = this.#options;
    return {
      servers: [...urls],
      name,
      timeout: TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 250,
      reconnectJitterTLS: 250,
      // A server that does not answer two pings is gone.
      pingInterval: PING_MS,
      maxPingOut: 2,
      ...(creds && { authenticator: credsAuthenticator(creds) }),
      ...(tls && { tls: { cert: tls.cert.toString(), key: tls.key.toString(), ca: tls.ca.toString() } }),
    };
  }
}
