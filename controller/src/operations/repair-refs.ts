import { messageOf } from '@edgeplane/base';
import { OBJECTS, type ObjectType } from '@edgeplane/objects';
import type { ObjectCache } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import {
  type Lookup,
  orderedCloudletRefs,
  orderedClusterRefs,
  recountCloudlet,
  recountCluster,
} from '../refs/recount.js';
import { clusterOf } from './app-inst-keys.js';

/** Transactions under way at a time; enough to fill commits that are sent together. */
const AT_ONCE = 32;

/**
 * Makes refs what they have to be: the sum over the instances that are stored. Data that other controllers wrote may have
 * none for clusters, and counts for cloudlets that went below zero. What is right already, which the caches of one
 * revision show, costs neither read nor write, so this runs at every start; what is put right is logged with both values.
 *
 * Whoever changes what an instance holds writes the refs in the same transaction. So a count made from the caches is the
 * right one if the refs are still those that the caches had, which the transaction compares.
 */
export async function repairRefs(context: ControllerContext): Promise<void> {
  const { caches, logger } = context;
  const { Cloudlet, CloudletRefs, ClusterInst, ClusterRefs } = OBJECTS;
  const lookup = cachedLookup(context);
  const work: (() => Promise<void>)[] = [];

  const cloudlets = new Map(
    caches.cloudlets.entries().map(({ key, value }) => [key, Cloudlet.key(value)] as const),
  );
  for (const { key, value } of caches.cloudletRefs.entries()) cloudlets.set(key, CloudletRefs.key(value));
  for (const [keyJson, key] of cloudlets) {
    const recount = () => {
      const clusters = caches.clusterInsts.byIndex('cloudlet', keyJson).map(({ value }) => value);
      const appInsts = caches.appInsts.byIndex('cloudlet', keyJson).map(({ value }) => value);
      const kept = caches.cloudlets.has(keyJson) || clusters.length + appInsts.length > 0;
      return kept ? recountCloudlet(key, clusters, appInsts, lookup) : undefined;
    };
    work.push(() => repair(context, CloudletRefs, caches.cloudletRefs, key, recount, orderedCloudletRefs));
  }

  const clusters = new Map(
    caches.clusterInsts.entries().map(({ key, value }) => [key, ClusterInst.key(value)] as const),
  );
  for (const { key, value } of caches.clusterRefs.entries()) clusters.set(key, ClusterRefs.key(value));
  for (const [keyJson, key] of clusters) {
    const recount = () => {
      const appInsts = caches.appInsts.byIndex('clusterInst', keyJson).map(({ value }) => value);
      return caches.clusterInsts.has(keyJson) ? recountCluster(key, appInsts, lookup) : undefined;
    };
    work.push(() => repair(context, ClusterRefs, caches.clusterRefs, key, recount, orderedClusterRefs));
  }

  for (let at = 0; at < work.length; at += AT_ONCE) {
    const ends = await Promise.allSettled(work.slice(at, at + AT_ONCE).map((run) => run()));
    for (const end of ends) {
      if (end.status === 'rejected') logger.error({ reason: messageOf(end.reason) }, 'Refs not repaired');
    }
  }
}

/** @param recount from the caches; undefined when there are to be no refs */
async function repair<T, K>(
  { db, sync, logger }: ControllerContext,
  type: ObjectType<T, K>,
  cache: ObjectCache<T>,
  key: K,
  recount: () => T | undefined,
  ordered: (refs: T) => T,
): Promise<void> {
  const text = (refs: T | undefined) => type.toStored(ordered(refs ?? type.withKey(key)));
  const isRight = (refs: T | undefined, right: T | undefined) =>
    text(refs) === text(right) && (right !== undefined || refs === undefined);
  if (isRight(cache.get(type.keyJson(key))?.value, recount())) return;
  const { value } = await db.commit(async (tx) => {
    await sync.reached((await tx.entry(type, key))?.revision ?? 0);
    const stored = await tx.get(type, key);
    const right = recount();
    if (isRight(stored, right)) return undefined;
    if (right) tx.put(type, right);
    else tx.delete(type, key);
    return { before: text(stored), after: right ? text(right) : 'none' };
  });
  if (value)
    logger.warn({ type: type.name, key: type.keyJson(key), ...value }, 'Refs were wrong, and are repaired');
}

function cachedLookup({ caches }: ControllerContext): Lookup {
  const { App, AppInst, ClusterInst, Flavor } = OBJECTS;
  return {
    flavor: (name) => caches.flavors.get(Flavor.keyJson({ name }))?.value,
    app: ({ key }) => key?.appKey && caches.apps.get(App.keyJson(key.appKey))?.value,
    cluster: (inst) => caches.clusterInsts.get(ClusterInst.keyJson(clusterOf(AppInst.key(inst))))?.value,
  };
}
