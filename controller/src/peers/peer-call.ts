import { type CallControl, callStreamMethod, callUnaryMethod } from '@edgeplane/rpc';
import type { Client, MethodDefinition } from '@grpc/grpc-js';

/**
 * A question that controllers ask each other: a gRPC method that each of them serves, and what it answers here. Made by
 * {@link unaryPeerCall} or {@link listPeerCall}, once, beside the handler of the method.
 */
export interface PeerCall<Req, Reply> {
  /** Full method path, such as `/edgeproto.NodeApi/ShowNodeLocal`. */
  readonly path: string;
  /** Asks this controller itself. Should end when `signal` aborts; is not waited for beyond that. */
  local(request: Req, signal: AbortSignal): Promise<Reply>;
  /** Asks the controller that `client` is connected to. */
  remote(client: Client, request: Req, control: CallControl): Promise<Reply>;
  readonly codec: PeerCodec<Req, Reply>;
}

/** A question and its answer as encoded messages of the method, for the bus. */
export interface PeerCodec<Req, Reply> {
  encodeRequest(request: Req): Buffer;
  decodeRequest(bytes: Buffer): Req;
  encodeReply(reply: Reply): readonly Buffer[];
  /** @throws when they are not what an answer is made of */
  decodeReply(messages: readonly Buffer[]): Reply;
}

/** A question that this controller answers too: made by `Peers.serve`. */
export interface ServedCall<Req, Reply> extends PeerCall<Req, Reply> {
  readonly served: true;
}

/** A question with one message as its answer. */
export function unaryPeerCall<Req, Res>(
  method: MethodDefinition<Req, Res>,
  local: (request: Req, signal: AbortSignal) => Promise<Res>,
): PeerCall<Req, Res> {
  return {
    path: method.path,
    local,
    remote: (client, request, control) => callUnaryMethod(client, method, request, control),
    codec: {
      ...requestCodec(method),
      encodeReply: (reply) => [method.responseSerialize(reply)],
      decodeReply([message, ...more]) {
        if (!message || more.length > 0) throw new Error('an answer must be one message');
        return method.responseDeserialize(message);
      },
    },
  };
}

/** A question whose method streams its answer; the messages are gathered, all or none. */
export function listPeerCall<Req, Res>(
  method: MethodDefinition<Req, Res>,
  local: (request: Req, signal: AbortSignal) => Promise<readonly Res[]>,
): PeerCall<Req, readonly Res[]> {
  return {
    path: method.path,
    local,
    async remote(client, request, control) {
      const messages: Res[] = [];
      for await (const message of callStreamMethod(client, method, request, control)) messages.push(message);
      return messages;
    },
    codec: {
      ...requestCodec(method),
      encodeReply: (reply) => reply.map((message) => method.responseSerialize(message)),
      decodeReply: (messages) => messages.map((message) => method.responseDeserialize(message)),
    },
  };
}

function requestCodec<Req, Res>(method: MethodDefinition<Req, Res>) {
  return {
    encodeRequest: (request: Req) => method.requestSerialize(request),
    decodeRequest: (bytes: Buffer) => method.requestDeserialize(bytes),
  };
}
