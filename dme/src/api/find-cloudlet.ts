import {
  type FindCloudletReply,
  FindCloudletReply_FindStatus,
  type FindCloudletRequest,
} from '@edgeplane/proto/dme/app-client.js';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import type { Instance } from '../instance.js';
import { findInstance } from '../matcher.js';
import { EMPTY_LOC } from '../place.js';
import { type Asked, asked } from './asked.js';
import { candidatesFor } from './candidates.js';
import { EncodedReply } from './encoded-reply.js';
import type { Engine } from './engine.js';

/** What FindCloudlet works with. */
export type Finder = Pick<Engine, 'table' | 'latencies'>;

/** Names the instance a client is sent to (match engine spec section 4.2). `own` is the App of its session. */
export function findCloudlet(finder: Finder, request: FindCloudletRequest, own: AppKey): FindCloudletReply {
  return answer(finder, request, asked(finder.table, request, own)).reply;
}

/** The same of a request that was checked, with the instance it is about. */
export function answer(
  finder: Finder,
  request: FindCloudletRequest,
  found: Asked,
): { readonly reply: FindCloudletReply; readonly instance: Instance | undefined } {
  const { entry, place } = found;
  if (request.maxCandidates > 0 || request.explain || request.useLatency) {
    const { chosen, candidates } = candidatesFor(finder, request, found);
    return { reply: { ...replyOf(chosen), candidates }, instance: chosen };
  }
  const instance = entry && findInstance(entry, request.carrierName, place)?.instance;
  return {
    reply: instance ? new EncodedReply(finder.table.encodedReply(instance)) : replyOf(undefined),
    instance,
  };
}

function replyOf(instance: Instance | undefined): FindCloudletReply {
  const { FIND_FOUND, FIND_NOTFOUND } = FindCloudletReply_FindStatus;
  return {
    ver: 0,
    status: instance ? FIND_FOUND : FIND_NOTFOUND,
    fqdn: instance?.uri ?? '',
    ports: [...(instance?.ports ?? [])],
    cloudletLocation: instance?.location ?? EMPTY_LOC,
    candidates: [],
  };
}
