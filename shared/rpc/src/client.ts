import { systemClock } from '@edgeplane/base';
import type {
  CallOptions,
  ChannelCredentials,
  Client,
  ClientOptions,
  ClientReadableStream,
  ClientUnaryCall,
  MethodDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { formatAddress, parseAddress } from './address.js';
import { channelOptions, type TransportOptions } from './options.js';
import { fromServiceError } from './service-error.js';
import { type ClientTls, clientCredentials } from './tls.js';
import { unixPath } from './unix-socket.js';

export interface ClientTransportOptions extends TransportOptions {
  /** Name that the server's certificate must have; default: the host part of the address. */
  readonly serverName?: string | undefined;
}

/** A generated client class. */
export type ClientConstructor<C> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

/**
 * Makes a client of `host:port` or `unix:/path`; nothing is dialled before the first call. With `tls`: our certificate, if
 * any, is presented, only the CA is trusted, and the server's name must be the host part of the address (controller spec
 * section 1.3) unless the options name another.
 * The caller owns the client and calls `close()`.
 * @throws EdgeplaneError ADDRESS_INVALID.
 */
export function connect<C extends Client>(
  Constructor: ClientConstructor<C>,
  address: string,
  tls?: ClientTls,
  options: ClientTransportOptions = {},
): C {
  return new Constructor(
    unixPath(address) === undefined ? dialled(address) : address,
    clientCredentials(tls),
    {
      ...channelOptions(options),
      ...(options.serverName && {
        'grpc.ssl_target_name_override': options.serverName,
        'grpc.default_authority': options.serverName,
      }),
      'grpc.enable_http_proxy': 0,
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 10_000,
      // A client's connections are its own, so that close() closes them.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
    },
  );
}

function dialled(address: string): string {
  const { host, port } = parseAddress(address);
  return formatAddress({ host: host === '' ? '127.0.0.1' : host, port });
}

export interface CallControl {
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /** Time from now after which the call fails with DEADLINE_EXCEEDED, milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly metadata?: Metadata | undefined;
  /** Sent with the call beside `metadata`, by name in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Any generated client. */
export type RpcClient = Client;

type UnaryCall<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response?: Res) => void,
) => ClientUnaryCall;

type StreamCall<Req, Res> = (
  request: Req,
  metadata?: Metadata,
  options?: Partial<CallOptions>,
) => ClientReadableStream<Res>;

// A server-streaming method also fits UnaryCall, so it is always asked about first.
type Shape<F> =
  F extends StreamCall<infer Req, infer Res>
    ? { kind: 'stream'; request: Req; response: Res }
    : F extends UnaryCall<infer Req, infer Res>
      ? { kind: 'unary'; request: Req; response: Res }
      : { kind: 'other'; request: never; response: never };
type NameOf<C, Kind> = { [M in keyof C]: Shape<C[M]>['kind'] extends Kind ? M : never }[keyof C];

/** Names of a client's unary methods. */
export type UnaryName<C> = NameOf<C, 'unary'>;
/** Names of a client's server-streaming methods. */
export type StreamName<C> = NameOf<C, 'stream'>;
/** Request type of a client's method. */
export type RequestOf<F> = Shape<F>['request'];
/** Response type of a client's method; of a stream, of one message. */
export type ResponseOf<F> = Shape<F>['response'];

/**
 * Calls a unary method.
 * @throws EdgeplaneError with the status and the text of the server, or of the transport (UNAVAILABLE, CANCELLED,
 * DEADLINE_EXCEEDED).
 */
export function callUnary<C extends Client, M extends UnaryName<C>>(
  client: C,
  method: M,
  request: RequestOf<C[M]>,
  control: CallControl = {},
): Promise<ResponseOf<C[M]>> {
  const invoke = client[method] as unknown as UnaryCall<RequestOf<C[M]>, ResponseOf<C[M]>>;
  return answerOf((...args) => invoke.apply(client, args), request, control);
}

/**
 * Calls a server-streaming method. The call starts with the iteration; leaving the loop early cancels it, and not
 * asking for the next message holds the server back.
 * @throws EdgeplaneError out of the iteration, as {@link callUnary}.
 */
export function callStream<C extends Client, M extends StreamName<C>>(
  client: C,
  method: M,
  request: RequestOf<C[M]>,
  control: CallControl = {},
): AsyncGenerator<ResponseOf<C[M]>, void, undefined> {
  const invoke = client[method] as unknown as StreamCall<RequestOf<C[M]>, ResponseOf<C[M]>>;
  return messagesOf((...args) => invoke.apply(client, args), request, control);
}

/** {@link callUnary} for a method of a generated service definition; any client of the server will do. */
export function callUnaryMethod<Req, Res>(
  client: Client,
  method: MethodDefinition<Req, Res>,
  request: Req,
  control: CallControl = {},
): Promise<Res> {
  const { path, requestSerialize, responseDeserialize } = method;
  return answerOf<Req, Res>(
    (...args) => client.makeUnaryRequest(path, requestSerialize, responseDeserialize, ...args),
    request,
    control,
  );
}

/** {@link callStream} for a method of a generated service definition; any client of the server will do. */
export function callStreamMethod<Req, Res>(
  client: Client,
  method: MethodDefinition<Req, Res>,
  request: Req,
  control: CallControl = {},
): AsyncGenerator<Res, void, undefined> {
  const { path, requestSerialize, responseDeserialize } = method;
  return messagesOf<Req, Res>(
    (message, metadata, options) =>
      client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata ?? new Metadata(),
        options,
      ),
    request,
    control,
  );
}

function answerOf<Req, Res>(invoke: UnaryCall<Req, Res>, request: Req, control: CallControl): Promise<Res> {
  return new Promise<Res>((resolve, reject) => {
    const metadata = metadataOf(control);
    const call = invoke(request, metadata, callOptions(control), (error, response) => {
      control.signal?.removeEventListener('abort', cancel);
      if (error) reject(fromServiceError(error));
      else resolve(response as Res);
    });
    const cancel = () => call.cancel();
    if (control.signal?.aborted) cancel();
    else control.signal?.addEventListener('abort', cancel, { once: true });
  });
}

async function* messagesOf<Req, Res>(
  invoke: StreamCall<Req, Res>,
  request: Req,
  control: CallControl,
): AsyncGenerator<Res, void, undefined> {
  const call = invoke(request, metadataOf(control), callOptions(control));
  // The cancel below may come back as an error event after the iteration has ended.
  call.on('error', () => undefined);
  const cancel = () => call.cancel();
  if (control.signal?.aborted) cancel();
  else control.signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of call) yield message as Res;
  } catch (error) {
    throw fromServiceError(error);
  } finally {
    control.signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

function metadataOf({ metadata, headers }: CallControl): Metadata {
  const sent = metadata?.clone() ?? new Metadata();
  for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
  return sent;
}

function callOptions(control: CallControl): Partial<CallOptions> {
  // grpc-js compares deadlines with the machine's clock, which is therefore the right one here.
  return control.deadlineMs === undefined ? {} : { deadline: systemDeadline(control.deadlineMs) };
}

function systemDeadline(ms: number): Date {
  return new Date(systemClock.now() + ms);
}
