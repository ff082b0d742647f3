import { type Clock, EdgeplaneError, fail, type Logger } from '@edgeplane/base';
import type { EventBus } from '@edgeplane/bus';
import type { ObjectOf } from '@edgeplane/objects';
import { rpcErrors, type TlsMaterial } from '@edgeplane/rpc';
import type { CachedAt, ObjectCache } from '@edgeplane/store';
import { controllerErrors } from '../errors.js';
import { BusTransport } from './bus-transport.js';
import { PeerConnections } from './connections.js';
import { merge } from './merge.js';
import type { PeerCall, ServedCall } from './peer-call.js';

export interface PeersOptions {
  /** The registered controllers. */
  readonly controllers: ObjectCache<ObjectOf<'Controller'>>;
  readonly ownAddress: () => string;
  /** Asked over while it is NATS and connected; directly otherwise. */
  readonly bus: EventBus;
  readonly tls: TlsMaterial | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface AskControl {
  /** How long any controller, this one too, may take, milliseconds. */
  readonly deadlineMs: number;
  /** Ends the asking; what has not been answered by then is an error. */
  readonly signal?: AbortSignal | undefined;
  /** Leaves out the controllers, this one too, for which it is false. Default: all are asked. */
  readonly among?: ((controller: string) => boolean) | undefined;
}

/** What one controller answered: a reply or an error. */
export type PeerReply<Reply> =
  | { readonly controller: string; readonly reply: Reply; readonly error?: undefined }
  | { readonly controller: string; readonly error: EdgeplaneError; readonly reply?: undefined };

/** Asks all running controllers at once (controller spec section 18.1), each bounded by the same deadline. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #connections: PeerConnections;
  readonly #transport: BusTransport;
  /** Controllers that did not answer when last asked. */
  readonly #silent = new Set<string>();
  /** Paths of the calls that this controller answers. */
  readonly #served = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#connections = new PeerConnections(options.tls);
    this.#transport = new BusTransport(options);
    this.#unsubscribe = options.controllers.subscribe(({ value, previous }) => {
      const addr = previous?.key?.addr;
      if (value || addr === undefined) return;
      this.#connections.drop(addr);
      this.#silent.delete(addr);
    });
  }

  /** Makes this controller one that answers `call`, and may ask it. Once per call, when the APIs are put together. */
  serve<Req, Reply>(call: PeerCall<Req, Reply>): ServedCall<Req, Reply> {
    if (this.#served.has(call.path)) throw new Error(`${call.path} is served already`);
    this.#served.add(call.path);
    this.#transport.serve(call);
    return { ...call, served: true };
  }

  /**
   * Asks every registered controller, and this one whether registered or not, but those that `among` leaves out. Answers
   * come as they arrive, exactly one per controller, errors among them; the last comes no later than `deadlineMs` after the start, whatever a controller
   * does. Leaving the loop early ends what is in progress. Never throws.
   */
  askAll<Req, Reply>(
    call: ServedCall<Req, Reply>,
    request: Req,
    control: AskControl,
  ): AsyncIterable<PeerReply<Reply>> {
    const own = this.#options.ownAddress();
    const { among = () => true } = control;
    const others = this.#options.controllers.entries().filter(({ value }) => {
      const addr = value.key?.addr ?? '';
      return addr !== '' && addr !== own && among(addr);
    });
    const askOwn = (signal: AbortSignal) =>
      this.#answer(own, call, control, signal, async (ending) => call.local(request, ending));
    return merge(
      (signal) => [
        ...(among(own) ? [askOwn(signal)] : []),
        ...(this.#transport.usable
          ? this.#askByBus(others, call, request, control, signal)
          : others.map((entry) => this.#askOther(entry, call, request, control, signal))),
      ],
      control.signal,
    );
  }

  /** Closes all connections; whoever asks must have ended. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#transport.stop();
    this.#connections.close();
  }

  #askByBus<Req, Reply>(
    others: readonly CachedAt<ObjectOf<'Controller'>>[],
    call: PeerCall<Req, Reply>,
    request: Req,
    { deadlineMs }: AskControl,
    signal: AbortSignal,
  ): Promise<PeerReply<Reply>>[] {
    const addresses = others.map(({ value }) => value.key?.addr ?? '');
    return this.#transport.ask(addresses, call, request, deadlineMs, signal).map(async (answering) => {
      const answer = await answering;
      this.#note(answer.controller, call.path, signal.aborted ? undefined : answer.error);
      return answer;
    });
  }

  async #askOther<Req, Reply>(
    { value, revision }: CachedAt<ObjectOf<'Controller'>>,
    call: PeerCall<Req, Reply>,
    request: Req,
    control: AskControl,
    signal: AbortSignal,
  ): Promise<PeerReply<Reply>> {
    const addr = value.key?.addr ?? '';
    const answer = await this.#answer(addr, call, control, signal, async (ending) => {
      const client = this.#connections.to(addr, revision);
      return call.remote(client, request, { signal: ending, deadlineMs: control.deadlineMs });
    });
    const status = answer.error?.status;
    if (status === 'UNAVAILABLE') this.#connections.drop(addr);
    this.#note(addr, call.path, signal.aborted ? undefined : answer.error);
    return answer;
  }

  /** One answer, an error when it is not there in time. */
  async #answer<Reply>(
    controller: string,
    call: { readonly path: string },
    { deadlineMs }: AskControl,
    signal: AbortSignal,
    ask: (ending: AbortSignal) => Promise<Reply>,
  ): Promise<PeerReply<Reply>> {
    const ending = new AbortController();
    const late = fail(controllerErrors.PEER_SILENT, { controller, call: call.path, ms: deadlineMs });
    const cancel = this.#options.clock.after(deadlineMs, () => ending.abort(late));
    const stop = () => ending.abort(fail(controllerErrors.PEER_NOT_WAITED_FOR, { controller }));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    try {
      const ended = new Promise<never>((_, reject) => {
        if (ending.signal.aborted) reject(ending.signal.reason);
        ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true });
      });
      return { controller, reply: await Promise.race([ended, ask(ending.signal)]) };
    } catch (error) {
      return { controller, error: this.#known(error, controller, call.path) };
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  #known(error: unknown, controller: string, path: string): EdgeplaneError {
    if (error instanceof EdgeplaneError) return error;
    this.#options.logger.error({ err: error, controller, call: path }, 'Asking a controller failed');
    return fail(rpcErrors.INTERNAL, {}, { cause: error });
  }

  /** One line when a controller stops answering, one when it answers again. */
  #note(controller: string, call: string, error: EdgeplaneError | undefined): void {
    const silent = error?.status === 'UNAVAILABLE' || error?.status === 'DEADLINE_EXCEEDED';
    if (silent && !this.#silent.has(controller)) {
      this.#silent.add(controller);
      this.#options.logger.warn({ controller, call, reason: error.message }, 'A controller does not answer');
    }
    if (!error && this.#silent.delete(controller)) {
      this.#options.logger.info({ controller, call }, 'A controller answers again');
    }
  }
}
