import { type ObjectType, validateEnums } from '@edgeplane/objects';
import type { Result } from '@edgeplane/proto/edgeproto/result.js';
import { serverStream, unary } from '@edgeplane/rpc';
import type { Say } from '../operations/call.js';

const DONE: Result = { message: '', code: 0 };

/** A unary mutation: an empty Result when `work` ends well. The request is normalized. */
export function mutation<T, K>(type: ObjectType<T, K>, work: (request: T) => Promise<void>) {
  return unary<T, Result>(async (request) => {
    await work(type.normalize(request));
    return DONE;
  });
}

/**
 * A streaming mutation: what `work` says goes to the client one Result at a time, in order. The work never waits for the
 * client, nor for its being there; only the end of the call does.
 */
export function streamedMutation<T, K>(
  type: ObjectType<T, K>,
  work: (request: T, say: Say) => Promise<void>,
) {
  return serverStream<T, Result>(async (request, send) => {
    let sent = Promise.resolve();
    const say: Say = (message) => {
      sent = sent.then(() => send({ message, code: 0 }));
    };
    try {
      await work(type.normalize(request), say);
    } finally {
      await sent;
    }
  });
}

/** A request to create, without the mask that some clients send along. @throws EdgeplaneError `invalid <Field>` */
export function forCreate<T extends { fields: string[] }, K>(type: ObjectType<T, K>, request: T): T {
  validateEnums(type.schema, request);
  return { ...request, fields: [] };
}

/** Applies the listed fields of a request. @throws EdgeplaneError `invalid <Field>`, UNKNOWN_FIELD_ID */
export function applyUpdate<T extends { fields: string[] }, K>(
  type: ObjectType<T, K>,
  stored: T,
  request: T,
): T {
  const merged = type.copyFields(stored, request, type.mask(request.fields));
  validateEnums(type.schema, merged);
  return merged;
}
