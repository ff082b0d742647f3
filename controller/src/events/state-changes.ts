import { trackedStateName } from '@edgeplane/lifecycle';
import { enumCamel, enumSchema } from '@edgeplane/objects';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { CacheListener, ObjectCache } from '@edgeplane/store';
import type { Caches } from '../caches.js';

/** An object went from one state to another, whichever controller made it. */
export interface StateStep {
  readonly type: string;
  /** Key JSON. */
  readonly key: string;
  readonly from: string;
  readonly to: string;
  /** Revision in which the object changed; when it is gone, one in which it is. */
  readonly revision: number;
  /** The object is gone. */
  readonly gone: boolean;
}

type Tell = (step: StateStep) => void;

/**
 * Tells every change of state that the caches see from now on. What a cache missed, because it had to list again, is one
 * step from the last state it knew to the one there is. @returns what ends it
 */
export function onStateSteps(caches: Caches, tell: Tell): () => void {
  const presence = () => 'Present';
  const ends = [
    follow('ClusterInst', caches.clusterInsts, tracked, trackedStateName(TrackedState.NOT_PRESENT), tell),
    follow('AppInst', caches.appInsts, tracked, trackedStateName(TrackedState.NOT_PRESENT), tell),
    follow(
      'CloudletInfo',
      caches.cloudletInfos,
      ({ state }) => cloudletStateName(state),
      cloudletStateName(CloudletState.CLOUDLET_STATE_NOT_PRESENT),
      tell,
    ),
    follow('Cloudlet', caches.cloudlets, presence, 'Absent', tell),
    follow('Controller', caches.controllers, presence, 'Absent', tell),
  ];
  return () => {
    for (const end of ends) end();
  };
}

const tracked = ({ state }: { readonly state: TrackedState }) => trackedStateName(state);

const cloudletStateName = (state: CloudletState) => enumCamel(enumSchema('edgeproto.CloudletState'), state);

function follow<T>(
  type: string,
  cache: ObjectCache<T>,
  stateOf: (object: T) => string,
  absent: string,
  tell: Tell,
): () => void {
  const listener: CacheListener<T> = ({ key, value, previous, revision }) => {
    const from = previous === undefined ? absent : stateOf(previous);
    const to = value === undefined ? absent : stateOf(value);
    if (from === to) return;
    // After a new listing the change carries the listing's revision; the object knows its own.
    const own = value === undefined ? revision : (cache.get(key)?.revision ?? revision);
    tell({ type, key, from, to, revision: own, gone: value === undefined });
  };
  return cache.subscribe(listener);
}
