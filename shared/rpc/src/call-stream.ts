import type { ServerHttp2Stream } from 'node:http2';

/** What grpc-js keeps for itself: a call is made of calls, the innermost of which has the HTTP/2 stream. */
interface CallParts {
  readonly call?: CallParts;
  readonly nextCall?: CallParts;
  readonly stream?: ServerHttp2Stream;
  /** How the client compresses its messages. */
  readonly incomingEncoding?: string;
}

/** The HTTP/2 stream of a call of grpc-js, and whether its client may compress what it sends. */
export interface CallStream {
  readonly stream: ServerHttp2Stream;
  readonly compressed: boolean;
}

/**
 * The HTTP/2 stream of a call that a server has taken. grpc-js has no public way to it: undefined when its members are
 * not what they were, and whoever asked goes the way of grpc-js.
 */
export function callStreamOf(call: object): CallStream | undefined {
  let part: CallParts | undefined = (call as CallParts).call;
  while (part?.nextCall) part = part.nextCall;
  const stream = part?.stream;
  if (typeof stream?.write !== 'function' || typeof stream.on !== 'function') return undefined;
  return { stream, compressed: part?.incomingEncoding !== 'identity' };
}
