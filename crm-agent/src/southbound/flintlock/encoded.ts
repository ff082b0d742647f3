import { type EncodedMessage, frameOf } from '@edgeplane/rpc';

/** What of a generated message type this needs. */
interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** Messages as `encodedStream` takes them, many of which go into one write: lists of thousands are streamed. */
export function* encoded<T>(type: MessageType<T>, messages: Iterable<T>): Iterable<EncodedMessage<T>> {
  for (const message of messages) yield { message, frame: frameOf(type.encode(message).finish()) };
}
