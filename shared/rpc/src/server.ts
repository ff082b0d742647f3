import type { Server as NetServer } from 'node:net';
import { type Clock, fail, type Logger, messageOf, systemClock } from '@edgeplane/base';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  type ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { formatAddress, type HostPort, parseAddress } from './address.js';
import { type Admit, admitting } from './admit.js';
import { AuditLog } from './audit.js';
import type { CallContext } from './context.js';
import { rpcErrors } from './errors.js';
import { type ConnectionCounters, type ConnectionLimits, GuardedListener } from './guarded-listener.js';
import { type Authorize, bindHandler, type HandlerEnvironment } from './handler.js';
import { Health } from './health.js';
import { callHandler, type LocalMethod } from './local-call.js';
import { channelOptions, type TransportOptions } from './options.js';
import { addReflection, coreDescriptorSet } from './reflection.js';
import { fromServiceError } from './service-error.js';
import { serverCredentials, type TlsMaterial } from './tls.js';
import { listenOnUnixSocket, unixPath } from './unix-socket.js';
import { answerUnknownServices } from './unknown-service.js';

export interface RpcServerOptions extends TransportOptions {
  readonly logger: Logger;
  /** Name in log lines. */
  readonly name: string;
  /** Mutual TLS; plaintext when absent. */
  readonly tls?: TlsMaterial | undefined;
  /** Instead of `tls`: credentials that are not made of material with our names. */
  readonly credentials?: ServerCredentials | undefined;
  /** Where audit ids come from; one per server by default. */
  readonly audit?: AuditLog;
  /** Refuses calls of whatever kind before their requests are read; default none. */
  readonly admit?: Admit | undefined;
  /** What health may be asked for beside the services there are. */
  readonly healthNames?: readonly string[];
  /** Refuses calls, after their start is audited; default none. Health and reflection are open. */
  readonly authorize?: Authorize | undefined;
  /**
   * A secret of this process. A call with it in its metadata (`GATEWAY_TOKEN`) comes from a gateway, and its client is the one
   * named there (`FORWARDED_FOR`).
   */
  readonly gatewayToken?: string | undefined;
  /** FileDescriptorSets for reflection; default the core APIs. */
  readonly descriptorSets?: readonly Uint8Array[];
  readonly clock?: Clock;
  /** Bounds of connections; default none. */
  readonly connections?: ConnectionLimits;
}

/** The grpc-js handler that a method of a service definition needs. */
type HandlerOf<M> = M extends {
  requestDeserialize: (bytes: Buffer) => infer Req;
  responseSerialize: (value: infer Res) => Buffer;
  requestStream: infer In;
  responseStream: infer Out;
}
  ? In extends true
    ? Out extends true
      ? handleBidiStreamingCall<Req, Res>
      : handleClientStreamingCall<Req, Res>
    : Out extends true
      ? handleServerStreamingCall<Req, Res>
      : handleUnaryCall<Req, Res>
  : never;

/** One handler per method of a generated service definition. */
export type ServiceHandlers<D> = { readonly [M in keyof D]: HandlerOf<D[M]> };

export interface ServiceOptions {
  /** Two log records per call, except of Show methods; default true. */
  readonly audit?: boolean;
}

const DEFAULT_GRACE_MS = 5000;
/** How long connections may take to close once no call is in progress, milliseconds. */
const LINGER_MS = 1000;

/**
 * A gRPC listener with health service and reflection. Add services, then listen (once or on several addresses), then
 * stop; it cannot be started again.
 */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #audit: AuditLog;
  readonly #health = new Health();
  readonly #services = new Set<string>();
  readonly #methods = new Map<string, LocalMethod>();
  readonly #definitions: ServiceDefinition[] = [];
  readonly #work = new Set<Promise<void>>();
  readonly #active = new Set<CallContext>();
  readonly #listeners: GuardedListener[] = [];
  readonly #sockets: NetServer[] = [];
  #listening = false;
  #stopped: Promise<void> | undefined;

  constructor(options: RpcServerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ server: options.name });
    this.#clock = options.clock ?? systemClock;
    this.#audit = options.audit ?? new AuditLog({ clock: this.#clock });
    // With channelz switched off, forceShutdown of grpc-js 1.14 leaves open connections alone.
    const { connections } = options;
    const interceptors = [
      ...(connections && connections.firstCallMs > 0 ? [this.#calls] : []),
      ...(options.admit ? [admitting(options.admit, this.#logger)] : []),
    ];
    this.#server = new Server({
      ...channelOptions(options),
      ...(connections && { 'grpc.max_concurrent_streams': connections.maxStreams }),
      ...(interceptors.length > 0 && { interceptors }),
    });
    answerUnknownServices(this.#server, (name) => this.#services.has(name));
    this.#health.addToServer(this.#server);
    for (const name of options.healthNames ?? []) this.#health.addName(name);
  }

  /** Adds a generated service; every method needs a handler, made by `unary`, `serverStream` or by hand. */
  addService<D extends ServiceDefinition>(
    definition: D,
    handlers: ServiceHandlers<D>,
    options: ServiceOptions = {},
  ): void {
    const lingerMs = this.#options.connections?.lingerMs ?? 0;
    const environment: HandlerEnvironment = {
      logger: this.#logger,
      audit: options.audit === false ? undefined : this.#audit,
      authorize: this.#options.authorize,
      gatewayToken: this.#options.gatewayToken,
      active: this.#active,
      answered: (context) => {
        if (!lingerMs) return;
        for (const listener of this.#listeners) listener.answered(context.peer, context);
      },
      track: (work) => this.#track(work),
    };
    const bound: Record<string, unknown> = {};
    for (const [name, handler] of Object.entries(handlers)) bound[name] = bindHandler(handler, environment);
    this.#server.addService(definition, bound as UntypedServiceImplementation);
    this.#definitions.push(definition);
    for (const [name, method] of Object.entries(definition)) {
      this.#addName(method.path.split('/')[1] ?? '');
      this.#methods.set(method.path, { definition: method, handler: bound[name] });
    }
  }

  /** Connections there are, and those that were not let in or broken off; of a server that bounds them. */
  get connectionCounters(): ConnectionCounters {
    const all = this.#listeners.map(({ counters }) => counters);
    return {
      open: all.reduce((sum, { open }) => sum + open, 0),
      refused: all.reduce((sum, { refused }) => sum + refused, 0),
      brokenOff: all.reduce((sum, { brokenOff }) => sum + brokenOff, 0),
    };
  }

  /** What was added. */
  get definitions(): readonly ServiceDefinition[] {
    return this.#definitions;
  }

  /**
   * Calls a method from within this process, listening or not: the handler, its checks and its audit without the wire. The
   * request is a whole message; answers go to `onMessage`. Not for streams of requests.
   * @throws the status that a client would get; Error when there is no such method: a programming mistake
   */
  async call(path: string, request: unknown, onMessage: (message: unknown) => void): Promise<void> {
    const method = this.#methods.get(path);
    if (!method || method.definition.requestStream) throw new Error(`no method ${path} to call`);
    try {
      await callHandler(method, request, onMessage);
    } catch (error) {
      throw fromServiceError(error);
    }
  }

  /**
   * Binds `host:port` (`:port` is every IPv4 interface, port 0 any free port), or a Unix socket named `unix:/path` that only
   * this user may open, and serves.
   * @returns the address in use, with the actual port.
   * @throws EdgeplaneError ADDRESS_INVALID or LISTEN_FAILED, naming the address.
   */
  async listen(address: string): Promise<string> {
    const path = unixPath(address);
    const { host, port } = path === undefined ? parseAddress(address) : { host: '', port: 0 };
    const bindTo = { host: host === '' ? '0.0.0.0' : host, port };
    if (!this.#listening) {
      this.#listening = true;
      addReflection(this.#server, [...this.#services], this.#options.descriptorSets ?? [coreDescriptorSet()]);
    }
    const credentials = this.#options.credentials ?? serverCredentials(this.#options.tls);
    const bound = path === undefined ? this.#bind(bindTo, credentials) : this.#bindUnix(path, credentials);
    const actual = await bound.catch((error: Error) => {
      throw fail(rpcErrors.LISTEN_FAILED, { address, reason: reasonOf(error) }, { cause: error });
    });
    this.#health.serving();
    const listening = path === undefined ? formatAddress({ ...bindTo, port: actual }) : address;
    this.#logger.info({ address: listening, tls: credentials._isSecure() }, 'Listening');
    return listening;
  }

  async #bindUnix(path: string, credentials: ServerCredentials): Promise<number> {
    const injector = this.#server.createConnectionInjector(credentials);
    this.#sockets.push(await listenOnUnixSocket(path, (socket) => injector.injectConnection(socket)));
    return 0;
  }

  #bind({ host, port }: HostPort, credentials: ServerCredentials): Promise<number> {
    const { connections } = this.#options;
    if (connections) {
      const injector = this.#server.createConnectionInjector(credentials);
      const listener = new GuardedListener(connections, this.#clock, this.#logger, (socket) =>
        injector.injectConnection(socket),
      );
      this.#listeners.push(listener);
      return listener.listen(host, port);
    }
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(formatAddress({ host, port }), credentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  }

  /** Tells the listeners of calls, of any service. */
  readonly #calls: ServerInterceptor = (_method, call) => {
    for (const listener of this.#listeners) listener.called(call.getPeer());
    // The call itself will do: nothing of it is intercepted.
    return call as ReturnType<ServerInterceptor>;
  };

  /**
   * Takes no new calls, waits up to `graceMs` for those in progress, then breaks the rest off and aborts their
   * signals. Handlers that ignore their signal are not waited for beyond that. Safe to call more than once.
   */
  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#health.stopping();
    for (const listener of this.#listeners) listener.stop();
    for (const socket of this.#sockets) socket.close();
    let force = () => {};
    const forced = new Promise<'forced'>((resolve) => {
      force = () => resolve('forced');
    });
    const cancel = this.#clock.after(graceMs, () => {
      this.#logger.warn({ graceMs, calls: this.#work.size }, 'Breaking off calls that did not end in time');
      this.#server.forceShutdown();
      for (const call of this.#active) call.abort('the server is stopping');
      force();
    });
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    while (this.#work.size > 0) {
      if ((await Promise.race([...this.#work, forced])) === 'forced') break;
    }
    // A connection that broke before HTTP/2 began is never reported as closed; what is left then has no call to finish.
    const linger = new Promise<void>((resolve) => {
      closed.then(this.#clock.after(LINGER_MS, resolve));
    });
    await Promise.race([closed, linger, forced]);
    cancel();
    this.#server.forceShutdown();
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#logger.error({ err: error }, 'Answering a call failed'))
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  #addName(service: string): void {
    if (this.#services.has(service)) return;
    this.#services.add(service);
    this.#health.addName(service);
  }
}

function reasonOf(error: Error): string {
  const text = messageOf(error);
  if (text.includes('EADDRINUSE')) return 'the address is in use';
  if (text.includes('EACCES')) return 'permission denied';
  if (text.includes('EADDRNOTAVAIL')) return 'no interface has this address';
  if (text.includes('ENOTFOUND') || text.includes('EAI_AGAIN')) return 'the host name is unknown';
  return text;
}
