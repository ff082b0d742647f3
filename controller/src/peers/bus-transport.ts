import { type Clock, EdgeplaneError, fail, type Logger, STATUS_NAMES } from '@edgeplane/base';
import { type EventBus, MAX_MESSAGE_BYTES } from '@edgeplane/bus';
import { PeerReply as PeerReplyMessage, PeerRequest } from '@edgeplane/proto/edgeplane/bus.js';
import { rpcErrors } from '@edgeplane/rpc';
import { controllerErrors } from '../errors.js';
import type { PeerCall } from './peer-call.js';
import type { PeerReply } from './peers.js';

export interface BusTransportOptions {
  readonly bus: EventBus;
  readonly ownAddress: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Encoded messages of one part of an answer, bytes; what else is in a part is small. */
const PART_BYTES = MAX_MESSAGE_BYTES - 16 * 1024;

/** Questions between controllers over the bus: one message asks them all. */
export class BusTransport {
  readonly #options: BusTransportOptions;
  readonly #ends: (() => void)[] = [];

  constructor(options: BusTransportOptions) {
    this.#options = options;
  }

  /** Whether asking over the bus makes sense now. */
  get usable(): boolean {
    const { bus } = this.#options;
    return bus.kind === 'nats' && bus.status().connected;
  }

  /** Begins to answer a call. */
  serve<Req, Reply>(call: PeerCall<Req, Reply>): void {
    const { bus } = this.#options;
    this.#ends.push(
      bus.answer(topicOf(call.path), async (bytes, send, closing) => {
        const request = PeerRequest.decode(bytes);
        const late = new AbortController();
        const cancel = this.#options.clock.after(request.deadlineMs, () => late.abort());
        const ending = AbortSignal.any([closing, late.signal]);
        const reply = (part: Partial<PeerReplyMessage>) =>
          send(
            PeerReplyMessage.encode(
              PeerReplyMessage.fromPartial({ ...part, controller: this.#own() }),
            ).finish(),
          );
        try {
          const answer = await call.local(call.codec.decodeRequest(request.request), ending);
          for (const messages of parts(call.codec.encodeReply(answer))) reply({ messages });
          reply({ last: true });
        } catch (error) {
          reply(this.#failure(error, call.path));
        } finally {
          cancel();
        }
      }),
    );
  }

  /**
   * Asks the controllers of these addresses: one promise each, none of which rejects. Those that have not answered within
   * the deadline are an error.
   */
  ask<Req, Reply>(
    addresses: readonly string[],
    call: PeerCall<Req, Reply>,
    request: Req,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<PeerReply<Reply>>[] {
    const waiting = new Map<string, Gathering<Reply>>();
    const answers = addresses.map(
      (controller) =>
        new Promise<PeerReply<Reply>>((resolve) => waiting.set(controller, { messages: [], resolve })),
    );
    void this.#gather(waiting, call, request, deadlineMs, signal);
    return answers;
  }

  /** Answers no more. */
  stop(): void {
    for (const end of this.#ends) end();
  }

  #own(): string {
    return this.#options.ownAddress();
  }

  /** Settles everything in `waiting`, at the latest when the time is over; never rejects. */
  async #gather<Req, Reply>(
    waiting: Map<string, Gathering<Reply>>,
    call: PeerCall<Req, Reply>,
    request: Req,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const settle = (controller: string, answer: PeerReply<Reply>) => {
      waiting.get(controller)?.resolve(answer);
      waiting.delete(controller);
    };
    let reason: (controller: string) => EdgeplaneError = (controller) =>
      signal.aborted
        ? fail(controllerErrors.PEER_NOT_WAITED_FOR, { controller })
        : fail(controllerErrors.PEER_SILENT, { controller, call: call.path, ms: deadlineMs });
    try {
      const question = PeerRequest.fromPartial({
        path: call.path,
        request: call.codec.encodeRequest(request),
        deadlineMs,
      });
      const bytes = PeerRequest.encode(question).finish();
      if (waiting.size === 0) return;
      for await (const part of this.#options.bus.askAll(topicOf(call.path), bytes, { deadlineMs, signal })) {
        const reply = PeerReplyMessage.decode(part);
        const gathering = waiting.get(reply.controller);
        if (!gathering) continue;
        gathering.messages.push(...reply.messages);
        if (reply.status !== 0) settle(reply.controller, failed(reply));
        else if (reply.last) settle(reply.controller, this.#complete(reply.controller, gathering, call));
        if (waiting.size === 0) return;
      }
    } catch (error) {
      const known = error instanceof EdgeplaneError ? error : this.#fault(error, call.path);
      reason = () => known;
    } finally {
      for (const controller of [...waiting.keys()])
        settle(controller, { controller, error: reason(controller) });
    }
  }

  #complete<Req, Reply>(
    controller: string,
    { messages }: Gathering<Reply>,
    call: PeerCall<Req, Reply>,
  ): PeerReply<Reply> {
    try {
      return { controller, reply: call.codec.decodeReply(messages) };
    } catch (error) {
      return { controller, error: this.#fault(error, call.path) };
    }
  }

  #failure(error: unknown, path: string): Partial<PeerReplyMessage> {
    const known = error instanceof EdgeplaneError ? error : this.#fault(error, path);
    return {
      status: STATUS_NAMES.indexOf(known.status),
      code: known.code,
      text: known.message.slice(0, 8192),
      last: true,
    };
  }

  #fault(error: unknown, path: string): EdgeplaneError {
    this.#options.logger.error({ err: error, call: path }, 'Asking or answering a controller failed');
    return fail(rpcErrors.INTERNAL, {}, { cause: error });
  }
}

interface Gathering<Reply> {
  readonly messages: Buffer[];
  readonly resolve: (answer: PeerReply<Reply>) => void;
}

function failed({ controller, status, code, text }: PeerReplyMessage): {
  controller: string;
  error: EdgeplaneError;
} {
  const kind = { code, status: STATUS_NAMES[status] ?? 'UNKNOWN', template: text, retryable: false } as const;
  return { controller, error: new EdgeplaneError(kind, text) };
}

/** Messages in groups that fit into one part each. */
function parts(messages: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  let room = 0;
  for (const message of messages) {
    // A few bytes of framing each.
    const size = message.byteLength + 8;
    if (size > room) {
      groups.push([]);
      room = PART_BYTES;
    }
    room -= size;
    groups.at(-1)?.push(message);
  }
  return groups;
}

/** `/edgeproto.NodeApi/ShowNodeLocal` as a topic of questions. */
function topicOf(path: string): string {
  return `peers.${path.slice(1).replaceAll('.', '_').replace('/', '.')}`;
}
