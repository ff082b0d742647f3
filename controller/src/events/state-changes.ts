import { trackedStateName } from '@edgeplane/lifecycle';
import { enumCamel, enumSchema } from '@edgeplane/objects';
import { CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ObjectCache } from '@edgeplane/store';
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

/** An object of a {@link StateSource} as it is now. */
export interface CurrentState {
  readonly key: string;
  readonly state: string;
  readonly revision: number;
}

/** The states of the objects of one type. */
export interface StateSource {
  readonly type: string;
  /** The state of what is not there. */
  readonly absent: string;
  current(): CurrentState[];
  /**
   * Tells every change of state that the cache sees from now on. What it missed, because it had to list again, is one step
   * from the last state it knew to the one there is. @returns what ends it
   */
  subscribe(tell: (step: StateStep) => void): () => void;
}

/** Everything whose changes of state are told. */
export function stateSources(caches: Caches): readonly StateSource[] {
  const present = () => 'Present';
  return [
    source('ClusterInst', caches.clusterInsts, tracked, trackedStateName(TrackedState.NOT_PRESENT)),
    source('AppInst', caches.appInsts, tracked, trackedStateName(TrackedState.NOT_PRESENT)),
    source(
      'CloudletInfo',
      caches.cloudletInfos,
      ({ state }) => cloudletStateName(state),
      cloudletStateName(CloudletState.CLOUDLET_STATE_NOT_PRESENT),
    ),
    source('Cloudlet', caches.cloudlets, present, 'Absent'),
    source('Controller', caches.controllers, present, 'Absent'),
  ];
}

const tracked = ({ state }: { readonly state: TrackedState }) => trackedStateName(state);

const cloudletStateName = (state: CloudletState) => enumCamel(enumSchema('edgeproto.CloudletState'), state);

function source<T>(
  type: string,
  cache: ObjectCache<T>,
  stateOf: (object: T) => string,
  absent: string,
): StateSource {
  return {
    type,
    absent,
    current: () =>
      cache.entries().map(({ key, value, revision }) => ({ key, state: stateOf(value), revision })),
    subscribe: (tell) =>
      cache.subscribe(({ key, value, previous, revision }) => {
        const from = previous === undefined ? absent : stateOf(previous);
        const to = value === undefined ? absent : stateOf(value);
        if (from === to) return;
        // After a new listing the change carries the listing's revision; the object knows its own.
        const own = value === undefined ? revision : (cache.get(key)?.revision ?? revision);
        tell({ type, key, from, to, revision: own, gone: value === undefined });
      }),
  };
}
