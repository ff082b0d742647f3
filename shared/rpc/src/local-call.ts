import { Writable } from 'node:stream';
import { Metadata, type MethodDefinition, type sendUnaryData } from '@grpc/grpc-js';

/** A method with the handler that its server has bound. */
export interface LocalMethod {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handler: unknown;
}

/** The server's end of a call that never was on a wire: what handlers made by this package ask of theirs. */
class LocalCall extends Writable {
  readonly metadata = new Metadata();
  readonly cancelled = false;
  readonly request: unknown;
  readonly #path: string;

  constructor(path: string, request: unknown, onMessage: (message: unknown) => void) {
    super({
      objectMode: true,
      write(message, _encoding, done) {
        onMessage(message);
        done();
      },
    });
    this.request = request;
    this.#path = path;
  }

  getPeer(): string {
    return 'local';
  }

  getPath(): string {
    return this.#path;
  }

  getDeadline(): number {
    return Number.POSITIVE_INFINITY;
  }

  getAuthContext(): Record<string, never> {
    return {};
  }

  /** There is nobody to read it. */
  sendMetadata(): void {}
}

/** Runs a handler with nothing between: rejects with the ServiceError that a client would get. */
export function callHandler(
  { definition, handler }: LocalMethod,
  request: unknown,
  onMessage: (message: unknown) => void,
): Promise<void> {
  const call = new LocalCall(definition.path, request, onMessage);
  return new Promise((resolve, reject) => {
    const refuse = (error: object) => reject(Object.assign(new Error(), error));
    call.on('finish', resolve);
    call.on('error', refuse);
    if (definition.responseStream) {
      (handler as (call: LocalCall) => void)(call);
      return;
    }
    const answer: sendUnaryData<unknown> = (error, value) => {
      if (error) refuse(error);
      else {
        onMessage(value);
        resolve();
      }
    };
    (handler as (call: LocalCall, answer: sendUnaryData<unknown>) => void)(call, answer);
  });
}
