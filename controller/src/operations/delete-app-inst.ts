import { OBJECTS } from '@edgeplane/objects';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ControllerContext } from '../context.js';
import { isAutoClusterName, isDefaultCloudlet } from '../names.js';
import { clusterOf, developerOf } from './app-inst-keys.js';
import type { Call } from './call.js';
import { appInstsOn } from './delete-cluster-inst.js';
import { dropAutoCluster, upToDate } from './drop-auto-cluster.js';
import { withAutoClusterName } from './plan-app-inst.js';
import { takeDownAppInst } from './take-down-app-inst.js';

/**
 * Deletes an AppInst, waits for the agent, and deletes its auto-cluster when it was the last that kept it (controller
 * spec section 14.4). If time runs out while the agent still deletes, the cluster follows in the background.
 * @throws EdgeplaneError as takeDownAppInst
 */
export async function deleteAppInst(
  context: ControllerContext,
  requested: AppInstKey,
  call: Call,
): Promise<void> {
  const key = storedKey(context, requested);
  const clusterKey = key.clusterInstKey && OBJECTS.ClusterInst.keyJson(key.clusterInstKey);
  const auto = clusterKey !== undefined && context.caches.clusterInsts.get(clusterKey)?.value.auto;
  await takeDownAppInst(context, key, call, auto ? () => deleteAutoCluster(context, key, call) : undefined);
}

/** The key under which a create would have stored it: what the caller wrote, or what the controller made of that. */
function storedKey(context: ControllerContext, requested: AppInstKey): AppInstKey {
  const asGiven = withDeveloper(requested);
  const normalized = withAutoClusterName(asGiven);
  const cluster = clusterOf(requested);
  const ownDeveloper = { ...requested, clusterInstKey: { ...cluster, developer: developerOf(requested) } };
  const exists = (key: AppInstKey) => context.caches.appInsts.has(OBJECTS.AppInst.keyJson(key));
  return [asGiven, normalized, ownDeveloper].find(exists) ?? asGiven;
}

/** An empty cluster developer means the App's, on the default cloudlet and for auto-clusters. */
export function withDeveloper(key: AppInstKey): AppInstKey {
  const cluster = key.clusterInstKey;
  if (cluster?.developer !== '') return key;
  if (!isDefaultCloudlet(cluster.cloudletKey) && !isAutoClusterName(cluster.clusterKey?.name ?? ''))
    return key;
  return { ...key, clusterInstKey: { ...cluster, developer: key.appKey?.developerKey?.name ?? '' } };
}

/** When nothing keeps it any more. False: it could not be tried, and has to be again. */
export async function deleteAutoCluster(
  context: ControllerContext,
  key: AppInstKey,
  call: Call,
): Promise<boolean> {
  const clusterKey = key.clusterInstKey;
  if (!clusterKey) return true;
  const keyJson = OBJECTS.ClusterInst.keyJson(clusterKey);
  const cluster = context.caches.clusterInsts.get(keyJson)?.value;
  if (!cluster?.auto) return true;
  try {
    await upToDate(context);
  } catch {
    return false;
  }
  if (appInstsOn(context, clusterKey).blocked) return true;
  call.say('DELETING auto-cluster inst');
  return dropAutoCluster(context, clusterKey, call);
}
