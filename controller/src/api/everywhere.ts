import type { ObjectType } from '@edgeplane/objects';
import { serverStream } from '@edgeplane/rpc';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { ControllerContext } from '../context.js';
import { listPeerCall } from '../peers/peer-call.js';
import { matching, show } from './show.js';
import { showQuery } from './show-query.js';

/** How long any controller may take, milliseconds (controller spec section 18.2). */
const DEADLINE_MS = 3000;

/** Which of two objects of one key counts, where two controllers know both. */
export type Prefer<T> = (one: T, other: T) => T;

/**
 * Handlers of a Show over what each controller knows only of the peers connected to it: `local` shows this controller's,
 * `everywhere` those of all. Controllers that do not answer in time are left out.
 *
 * Without `prefer` the first of a key counts, and objects are sent as the answers come unless the call wants pages; else
 * they are sent, in order of their keys, when all have answered.
 */
export function showEverywhere<T, K>(
  { peers }: ControllerContext,
  type: ObjectType<T, K>,
  method: MethodDefinition<T, T>,
  objects: () => Iterable<T>,
  prefer?: Prefer<T>,
) {
  const all = { after: undefined, limit: Number.POSITIVE_INFINITY };
  const call = peers.serve(
    listPeerCall(method, async (filter) =>
      matching(type, objects(), { ...all, test: type.filterTest(type.normalize(filter)) }),
    ),
  );
  const everywhere = serverStream<T, T>(async (request, send, { metadata, signal }) => {
    const query = showQuery(type, request, metadata);
    const { filter, test } = query;
    const atOnce = !prefer && query.after === undefined && query.limit === Number.POSITIVE_INFINITY;
    const found = new Map<string, T>();
    for await (const { reply = [] } of peers.askAll(call, filter, { deadlineMs: DEADLINE_MS, signal })) {
      for (const message of reply) {
        const object = type.normalize(message);
        const key = type.keyJsonOf(object);
        const known = found.get(key);
        found.set(key, known && prefer ? prefer(known, object) : (known ?? object));
        if (signal.aborted) return;
        if (!known && atOnce && (!test || test(object))) await send(object);
      }
    }
    if (atOnce) return;
    for (const object of matching(type, found.values(), query)) {
      if (signal.aborted) return;
      await send(object);
    }
  });
  return { local: show(type, objects), everywhere };
}
