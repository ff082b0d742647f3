import { fail } from '@edgeplane/base';
import { canStep, type OverrideEffects } from '@edgeplane/lifecycle';
import { OBJECTS, validateAppInstKey } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { Tx } from '../db/tx.js';
import { kubernetesName } from '../deploy/sanitize.js';
import { controllerErrors } from '../errors.js';
import { isAutoClusterName, isDefaultCloudlet, needsCluster, PRIVILEGED_DEVELOPER } from '../names.js';
import { cloudletOf, clusterOf, developerOf } from './app-inst-keys.js';

/** Where a new AppInst goes: its final key, and whether its cluster is still to be made. */
export interface AppInstPlan {
  readonly key: AppInstKey;
  readonly makeCluster: boolean;
  /** Its cluster, when that is there already. */
  readonly cluster?: ClusterInst;
  readonly app: App;
}

/** An App runs on clusters of its own developer only; the platform's own Apps on all. */
export function checkDeveloper(key: AppInstKey): void {
  const app = developerOf(key);
  const cluster = clusterOf(key).developer;
  if (app === '' || app === PRIVILEGED_DEVELOPER || app === cluster) return;
  throw fail(controllerErrors.APP_INST_DEVELOPER, { app, cluster });
}

/**
 * Finds the App and the cluster of a new AppInst on a cloudlet with an agent (controller spec section 14.1, step 4).
 * Writes nothing. Names of auto-clusters are normalised before anything is looked up.
 */
export async function planAppInst(
  tx: Tx,
  requested: AppInstKey,
  to: TrackedState,
  overrides: OverrideEffects,
): Promise<AppInstPlan> {
  const normalized = withAutoClusterName(requested);
  const existing = await tx.get(OBJECTS.AppInst, normalized);
  if (existing) refuseExisting(tx, existing, to, overrides);
  else validateAppInstKey(normalized);
  if (!(await tx.entry(OBJECTS.Cloudlet, cloudletOf(normalized)))) {
    throw fail(controllerErrors.APP_INST_CLOUDLET_MISSING);
  }
  const cluster = clusterOf(normalized);
  if (!cluster.clusterKey?.name) throw fail(controllerErrors.APP_INST_NO_CLUSTER_NAME);
  const app = normalized.appKey && (await tx.get(OBJECTS.App, normalized.appKey));
  if (!app) throw fail(controllerErrors.APP_INST_APP_MISSING);
  if (!needsCluster(app.deployment)) return { key: normalized, makeCluster: false, app };
  const own = { ...cluster, developer: developerOf(normalized) };
  for (const candidate of [cluster, own]) {
    const found = await tx.get(OBJECTS.ClusterInst, candidate);
    if (found) {
      const key = { ...normalized, clusterInstKey: candidate };
      return { key, makeCluster: false, cluster: found, app };
    }
  }
  if (!isAutoClusterName(cluster.clusterKey.name)) throw fail(controllerErrors.APP_INST_CLUSTER_MISSING);
  const developer = cluster.developer || developerOf(normalized);
  return { key: { ...normalized, clusterInstKey: { ...cluster, developer } }, makeCluster: true, app };
}

/** An AppInst is there already. @throws EdgeplaneError KEY_EXISTS unless the table lets the create go on */
export function refuseExisting(
  tx: Tx,
  existing: AppInst,
  to: TrackedState,
  overrides: OverrideEffects,
): void {
  if (canStep({ kind: 'AppInst', from: existing.state, actor: 'user', to, overrides })) return;
  if (existing.state === TrackedState.CREATE_ERROR) {
    tx.hints.push(
      `Previous create failed, [${existing.errors.join(' ')}]`,
      'Use DeleteAppInst to remove and try again',
    );
  }
  throw fail(storeErrors.KEY_EXISTS);
}

/** Auto-clusters are made under names that Kubernetes takes. */
export function withAutoClusterName(key: AppInstKey): AppInstKey {
  const cluster = clusterOf(key);
  const name = cluster.clusterKey?.name ?? '';
  if (isDefaultCloudlet(cluster.cloudletKey) || !isAutoClusterName(name)) return key;
  return { ...key, clusterInstKey: { ...cluster, clusterKey: { name: kubernetesName(name) } } };
}
