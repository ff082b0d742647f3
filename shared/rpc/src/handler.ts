import { EdgeplaneError, isDebugging, type Logger } from '@edgeplane/base';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { AuditLog } from './audit.js';
import { type AnyServerCall, CallContext, type Ending, type RpcContext, userOf } from './context.js';
import { fromServiceError, toServiceError } from './service-error.js';

/** What the server gives to each of its handlers. */
export interface HandlerEnvironment {
  readonly logger: Logger;
  /** Undefined for services that are not audited. */
  readonly audit: AuditLog | undefined;
  /** Passed before every handler. */
  readonly authorize: Authorize | undefined;
  /** Who shows it may name the client that it speaks for. */
  readonly gatewayToken: string | undefined;
  /** Calls in progress, aborted when the server stops by force. */
  readonly active: Set<CallContext>;
  /** Told of each call that has its answer, or will at once. */
  answered(context: RpcContext & Ending): void;
  /** Remembers work in progress until it ends. */
  track(work: Promise<void>): void;
}

/**
 * Refuses a call that its caller must not make, by throwing an EdgeplaneError; `request` is undefined where there is not
 * one request.
 */
export type Authorize = (context: RpcContext, request: unknown) => void;

const BIND = Symbol('edgeplane.rpc.bind');

/** A handler that has not met its server yet. Only `RpcServer.addService` can make use of it. */
type Unbound<H> = H & { readonly [BIND]: (environment: HandlerEnvironment) => H };

export type UnaryFunction<Req, Res> = (request: Req, context: RpcContext) => Res | Promise<Res>;

/**
 * Sends one message. Resolves when there is room for another, so awaiting it is what keeps memory bounded. Once the
 * client is gone it resolves at once and sends nothing: the work goes on (controller spec section 8.8), and a handler
 * that wants to give up looks at `context.signal`.
 */
export type Send<Res> = (message: Res) => Promise<void>;

export type ServerStreamFunction<Req, Res> = (
  request: Req,
  send: Send<Res>,
  context: RpcContext,
) => Promise<void>;

/**
 * Makes a unary handler: the returned value is the answer, a thrown EdgeplaneError the status. What is returned at once is
 * answered at once.
 */
export function unary<Req, Res>(fn: UnaryFunction<Req, Res>): handleUnaryCall<Req, Res> {
  const bind =
    (environment: HandlerEnvironment): handleUnaryCall<Req, Res> =>
    (call, callback) => {
      const work = new Work(environment, call);
      const failed = (thrown: unknown) => callback(toServiceError(work.failed(thrown)));
      const done = (value: Res) => {
        work.done();
        callback(null, value);
      };
      let answer: Res | Promise<Res>;
      try {
        work.begin(call.request);
        answer = fn(call.request, work.context);
      } catch (thrown) {
        return failed(thrown);
      }
      if (answer instanceof Promise) environment.track(answer.then(done, failed));
      else done(answer);
    };
  return unbound(bind);
}

/** Makes a server-streaming handler: its end is the stream's, a thrown EdgeplaneError the status. */
export function serverStream<Req, Res>(
  fn: ServerStreamFunction<Req, Res>,
): handleServerStreamingCall<Req, Res> {
  return callStreamer<Req, Res>((call, context) =>
    fn(call.request, (message) => write(call, message, context.signal), context),
  );
}

/** The same for what works with the call itself. */
export function callStreamer<Req, Res>(
  fn: (call: ServerWritableStream<Req, Res>, context: RpcContext) => Promise<void>,
): handleServerStreamingCall<Req, Res> {
  const bind =
    (environment: HandlerEnvironment): handleServerStreamingCall<Req, Res> =>
    (call) => {
      environment.track(
        run(environment, call, call.request, (context) => fn(call, context)).then((outcome) => {
          if (outcome.ok) call.end();
          else call.emit('error', toServiceError(outcome.error));
        }),
      );
    };
  return unbound(bind);
}

export type BidiStreamFunction<Req, Res> = (
  call: ServerDuplexStream<Req, Res>,
  context: RpcContext,
) => Promise<void>;

/** Makes a bidirectional handler: its end is the stream's, a thrown EdgeplaneError the status. Never audited. */
export function bidiStream<Req, Res>(fn: BidiStreamFunction<Req, Res>): handleBidiStreamingCall<Req, Res> {
  const bind =
    (environment: HandlerEnvironment): handleBidiStreamingCall<Req, Res> =>
    (call) => {
      environment.track(
        run({ ...environment, audit: undefined }, call, undefined, (context) => fn(call, context)).then(
          (outcome) => {
            if (outcome.ok) call.end();
            else call.emit('error', toServiceError(outcome.error));
          },
        ),
      );
    };
  return unbound(bind);
}

/** Gives a handler its server. Handlers written for plain grpc-js are returned as they are. */
export function bindHandler<H>(handler: H, environment: HandlerEnvironment): H {
  const bind = (handler as Partial<Unbound<H>>)[BIND];
  return bind ? bind(environment) : handler;
}

function unbound<H extends (...args: never[]) => void>(bind: (environment: HandlerEnvironment) => H): H {
  const refuse = (() => {
    throw new Error('handlers of @edgeplane/rpc work only in a service added to an RpcServer');
  }) as unknown as H;
  return Object.assign(refuse, { [BIND]: bind });
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** Runs the work of one call with its audit and its log; never rejects. */
async function run<T>(
  environment: HandlerEnvironment,
  call: AnyServerCall,
  request: unknown,
  fn: (context: RpcContext) => Promise<T>,
): Promise<Outcome<T>> {
  const work = new Work(environment, call);
  try {
    work.begin(request);
    const value = await fn(work.context);
    work.done();
    return { ok: true, value };
  } catch (thrown) {
    return { ok: false, error: work.failed(thrown) };
  }
}

/** One call with its audit and its log. What nobody looks at is not made: there are calls that take microseconds. */
class Work {
  readonly context: CallContext;
  readonly #environment: HandlerEnvironment;
  #ended: ((error?: unknown) => void) | undefined;

  constructor(environment: HandlerEnvironment, call: AnyServerCall) {
    this.#environment = environment;
    this.context = new CallContext(call, environment.gatewayToken);
    environment.active.add(this.context);
  }

  /** @throws EdgeplaneError when the caller may not make the call */
  begin(request: unknown): void {
    const { context } = this;
    const { logger, audit, authorize } = this.#environment;
    if (isDebugging(logger)) {
      const { path, peer } = context;
      logger.debug({ path, peer, user: userOf(context.identity) }, 'Call');
    }
    if (audit?.covers(context.path))
      this.#ended = audit.start(logger, context.path, context.peer, userOf(context.identity), request);
    authorize?.(context, request);
  }

  done(): void {
    this.#ended?.();
    this.#over();
  }

  /** What the client is told. */
  failed(thrown: unknown): unknown {
    const { context } = this;
    // A failed call to another server is that server's answer, not a fault of ours.
    const error = fromServiceError(thrown);
    this.#ended?.(error);
    const cause = error instanceof EdgeplaneError ? error.cause : error;
    if (cause !== undefined) {
      const ours = !(error instanceof EdgeplaneError) || error.status === 'INTERNAL';
      const facts = { err: cause, path: context.path, peer: context.peer };
      this.#environment.logger[ours ? 'error' : 'info'](facts, 'Call failed');
    }
    this.#over();
    return error;
  }

  #over(): void {
    this.#environment.active.delete(this.context);
    this.#environment.answered(this.context);
  }
}

/** Where messages, or parts of the stream they make, are written. */
interface Sink<T> {
  readonly cancelled?: boolean;
  readonly destroyed: boolean;
  write(data: T): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  removeListener(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Writes, and waits until there is room for more; at once when nobody reads any longer. */
export function write<T>(sink: Sink<T>, data: T, signal: AbortSignal): Promise<void> {
  if (signal.aborted || sink.cancelled || sink.destroyed) return Promise.resolve();
  if (sink.write(data)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      sink.removeListener('drain', done);
      sink.removeListener('close', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    sink.once('drain', done);
    sink.once('close', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
