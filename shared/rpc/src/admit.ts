import { EdgeplaneError, type Logger } from '@edgeplane/base';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { peerIdentity, type RpcContext } from './context.js';
import { toServiceError } from './service-error.js';

/** What is known of a call before its request is read. */
export type Caller = Pick<RpcContext, 'metadata' | 'peer' | 'path' | 'identity'>;

/**
 * Refuses a call by throwing an EdgeplaneError. Asked for every call of a listener: health, reflection and methods that do
 * not exist too. What it puts into the metadata is there for the handler.
 */
export type Admit = (caller: Caller) => void;

/** Asks before anything else of a call happens; a refused one is answered, and its messages are not read. */
export function admitting(admit: Admit, logger: Logger): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            try {
              const identity = peerIdentity(call);
              admit({ metadata, peer: call.getPeer(), path: method.path, identity });
            } catch (error) {
              if (!(error instanceof EdgeplaneError))
                logger.error({ err: error, path: method.path }, 'Admitting a call failed');
              call.sendStatus(toServiceError(error));
              return;
            }
            proceed(metadata);
          },
        }),
    });
}
