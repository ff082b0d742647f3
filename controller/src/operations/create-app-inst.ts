import { fail, isKind } from '@edgeplane/base';
import { OBJECTS, validateAppInstKey } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { IpAccess, Liveness, TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { resolveConfigFiles } from '../deploy/app-configs.js';
import { controllerErrors } from '../errors.js';
import { clusterDeployment, isDefaultCloudlet, needsCluster } from '../names.js';
import type { Operation } from '../ownership/operation.js';
import { type Exposure, grantPorts } from '../refs/app-ports.js';
import { checkCapacity } from '../refs/capacity.js';
import { refuseConflicts } from '../refs/dedicated-ports.js';
import { givesServiceIps } from '../refs/ips.js';
import { cloudletOf, clusterOf } from './app-inst-keys.js';
import { cloudletRefs, countAppInst } from './app-inst-refs.js';
import { provideCluster, undoAutoCluster } from './auto-cluster.js';
import { type Call, silent } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { deleteAutoCluster, withDeveloper } from './delete-app-inst.js';
import { releaseAppInst } from './drop-app-inst.js';
import { beginCreate, owned } from './owned.js';
import { checkDeveloper, planAppInst, refuseExisting } from './plan-app-inst.js';
import { APP_INSTS, settleCreate } from './settle.js';
import { CREATE_WAIT, isAgentFailure, StateWatch } from './state-watch.js';

/** What a caller may say of a new AppInst; all else is the controller's. */
export type AppInstRequest = Pick<
  AppInst,
  'key' | 'uri' | 'liveness' | 'flavor' | 'autoClusterIpAccess' | 'configs'
>;

/**
 * Creates an AppInst, with an auto-cluster when its key asks for one, and waits for the agent (controller spec section
 * 14.1).
 * @throws EdgeplaneError of the catalogue's AppInst and ClusterInst parts, KEY_EXISTS, AGENT_FAILED, AGENT_TIMEOUT
 */
export async function createAppInst(
  context: ControllerContext,
  given: AppInstRequest,
  call: Call,
): Promise<void> {
  const request = { ...given, configs: await resolveConfigFiles(given.configs, context.fetcher) };
  const type = OBJECTS.AppInst;
  const requested = type.key(type.normalize({ ...type.empty(), key: request.key }));
  const onDefault = isDefaultCloudlet(cloudletOf(requested));
  const direct = onDefault || call.overrides.ignoresAgent;
  if (!direct) requireReady(context, cloudletOf(requested));
  const to = direct ? TrackedState.READY : TrackedState.CREATE_REQUESTED;
  const own: Call = { ...call, overrides: { ...call.overrides, ignoresAgent: direct } };
  if (onDefault) {
    const key = withDeveloper(requested);
    checkDeveloper(key);
    if (request.uri === '') throw fail(controllerErrors.APP_INST_URI_REQUIRED);
    await deploy(context, key, request, to, own);
    return;
  }
  checkDeveloper(requested);
  const deadline = context.clock.monotonic() + context.timeouts.create;
  for (;;) {
    const { value: plan } = await context.db.commit((tx) => planAppInst(tx, requested, to, own.overrides), {
      say: call.say,
    });
    if (request.uri !== '') throw fail(controllerErrors.APP_INST_URI_REFUSED, { uri: request.uri });
    const auto = await provideCluster(context, plan, request, call, deadline);
    if (auto === 'again') continue;
    try {
      if (auto === 'none') await deploy(context, plan.key, request, to, own);
      else if (auto === 'shared') await deployOnShared(context, plan.key, request, to, own);
      else await deployOnMade(context, plan.key, request, to, own, auto);
      return;
    } catch (error) {
      if (auto === 'none') throw error;
      // Somebody's AppInst was the last on it and took it along before ours was stored.
      const lost = isClusterMissing(error) && context.clock.monotonic() < deadline;
      if (!lost || call.overrides.ignoresAgent) throw error;
    }
  }
}

/** On an auto-cluster that was there; when this fails, and nothing else needs it any more, it goes. */
function deployOnShared(
  context: ControllerContext,
  key: AppInstKey,
  request: AppInstRequest,
  to: TrackedState,
  call: Call,
): Promise<void> {
  return deploy(context, key, request, to, call, () =>
    deleteAutoCluster(context, key, { ...call, say: silent }),
  );
}

/** On an auto-cluster that was made for it, under an operation that began with the cluster; it goes when this fails. */
async function deployOnMade(
  context: ControllerContext,
  key: AppInstKey,
  request: AppInstRequest,
  to: TrackedState,
  call: Call,
  operation: Operation,
): Promise<void> {
  let undone: Promise<boolean> | undefined;
  const undo = () => {
    undone ??= undoAutoCluster(context, key, call);
    return undone;
  };
  await owned(context, operation, async () => {
    try {
      await deploy(context, key, request, to, call, undo);
    } catch (error) {
      const over = isClusterMissing(error) ? !isBeingMade(context, key) : await undo();
      if (over && !context.stopping.aborted) await context.ownership.finish(operation);
      throw error;
    }
  });
}

/** The agent still makes it, when its time was up: then the operation goes on until it is made, and gone. */
function isBeingMade({ caches }: ControllerContext, key: AppInstKey): boolean {
  const state = caches.clusterInsts.get(OBJECTS.ClusterInst.keyJson(clusterOf(key)))?.value.state;
  return state === TrackedState.CREATE_REQUESTED || state === TrackedState.CREATING;
}

function isClusterMissing(error: unknown): boolean {
  return (
    isKind(error, controllerErrors.APP_INST_CLUSTER_NOT_READY) ||
    isKind(error, controllerErrors.APP_INST_CLUSTER_GONE)
  );
}

/** Steps 7 and 8: stores the AppInst and waits. */
async function deploy(
  context: ControllerContext,
  key: AppInstKey,
  request: AppInstRequest,
  to: TrackedState,
  call: Call,
  undoCluster?: () => Promise<boolean>,
): Promise<void> {
  const watch = new StateWatch({
    context,
    cache: context.caches.appInsts,
    keyJson: OBJECTS.AppInst.keyJson(key),
    typeName: 'AppInst',
    plan: CREATE_WAIT,
    timeoutMs: context.timeouts.create,
  });
  try {
    const { revision, value: operation } = await context.db.commit(
      async (tx) => {
        await store(context, tx, key, request, to, call);
        return to === TrackedState.READY
          ? undefined
          : beginCreate(context, tx, key, call, undoCluster !== undefined);
      },
      { say: call.say, ...turnOf(OBJECTS.AppInst, key) },
    );
    if (!operation) {
      call.say('Created successfully');
      return;
    }
    await owned(context, operation, async () => {
      try {
        if ((await watch.result(revision, call.say)) === 'done') call.say('Created successfully');
        await context.ownership.finish(operation);
      } catch (error) {
        await settleCreate(context, APP_INSTS, key, call, operation, error).catch(async (settled) => {
          if (undoCluster && isAgentFailure(settled) && (await undoCluster())) {
            await context.ownership.finish(operation);
          }
          throw settled;
        });
      }
    });
  } finally {
    watch.close();
  }
}

async function store(
  context: ControllerContext,
  tx: Tx,
  key: AppInstKey,
  request: AppInstRequest,
  to: TrackedState,
  call: Call,
): Promise<void> {
  const cloudletKey = cloudletOf(key);
  const onDefault = isDefaultCloudlet(cloudletKey);
  const existing = await tx.get(OBJECTS.AppInst, key);
  if (existing) {
    refuseExisting(tx, existing, to, call.overrides);
    await releaseAppInst(tx, existing);
  } else validateAppInstKey(key);
  const cloudlet = await tx.refer(OBJECTS.Cloudlet, cloudletKey);
  if (!cloudlet && !onDefault) throw fail(controllerErrors.APP_INST_CLOUDLET_MISSING);
  const app = key.appKey && (await tx.refer(OBJECTS.App, key.appKey));
  if (!app) throw fail(controllerErrors.APP_INST_APP_MISSING);
  const flavorName = request.flavor?.name || app.defaultFlavor?.name || '';
  const flavor = await tx.refer(OBJECTS.Flavor, { name: flavorName });
  if (!flavor) throw fail(controllerErrors.APP_INST_FLAVOR_MISSING, { flavor: flavorName });
  const exposure = await exposureOf(tx, key, app);
  const bare = { ...OBJECTS.AppInst.withKey(key), flavor: flavor.key };
  const before = await cloudletRefs(tx, bare);
  const { rootDomain } = context;
  const grant = grantPorts({ app, key, exposure, use: before.rootLbPorts, rootDomain });
  if (exposure === 'dedicated') refuseConflicts(key, grant.ports, await appInstsOn(tx, key));
  if (grant.use !== before.rootLbPorts) {
    tx.put(OBJECTS.CloudletRefs, { ...before, rootLbPorts: grant.use });
  }
  await countAppInst(tx, bare, 1);
  if (!needsCluster(app.deployment)) {
    const info = await tx.get(OBJECTS.CloudletInfo, cloudletKey);
    checkCapacity(before, await cloudletRefs(tx, bare), info, context.enforceCapacity);
  }
  const now = context.clock.now();
  tx.put(OBJECTS.AppInst, {
    ...bare,
    cloudletLoc: onDefault ? OBJECTS.AppInst.empty().cloudletLoc : cloudlet?.location,
    uri: grant.uri ?? (onDefault ? request.uri : ''),
    liveness: existing?.liveness || request.liveness || Liveness.LIVENESS_DYNAMIC,
    mappedPorts: grant.ports,
    state: to,
    createdAt: { seconds: BigInt(Math.floor(now / 1000)), nanos: Math.floor((now % 1000) * 1e6) },
    autoClusterIpAccess: request.autoClusterIpAccess,
    configs: request.configs,
  });
}

/** The AppInsts that the refs of a cluster count, without that of `key`. */
async function appInstsOn(tx: Tx, { appKey, clusterInstKey }: AppInstKey): Promise<AppInst[]> {
  const refs = await tx.get(OBJECTS.ClusterRefs, clusterOf({ appKey, clusterInstKey }));
  const own = appKey && OBJECTS.App.keyJson(appKey);
  const others = (refs?.apps ?? []).filter((app) => OBJECTS.App.keyJson(app) !== own);
  const found = await Promise.all(
    others.map((other) => tx.get(OBJECTS.AppInst, { appKey: other, clusterInstKey })),
  );
  return found.filter((inst) => inst !== undefined);
}

/** How the instance is reached, once its cluster is found fit for the App. */
async function exposureOf(tx: Tx, key: AppInstKey, app: App): Promise<Exposure> {
  const cloudletKey = cloudletOf(key);
  if (isDefaultCloudlet(cloudletKey)) return 'none';
  if (!needsCluster(app.deployment)) {
    const info = await tx.get(OBJECTS.CloudletInfo, cloudletKey);
    return info?.publishesVmPorts ? 'shared' : 'none';
  }
  const cluster = await tx.get(OBJECTS.ClusterInst, clusterOf(key));
  checkCluster(cluster, key, app);
  if (cluster?.ipAccess === IpAccess.IP_ACCESS_SHARED) return 'shared';
  return givesServiceIps(cloudletKey) ? 'per-service' : 'dedicated';
}

function checkCluster(cluster: ClusterInst | undefined, key: AppInstKey, app: App): void {
  if (!cluster) throw fail(controllerErrors.APP_INST_CLUSTER_GONE);
  if (cluster.state !== TrackedState.READY) {
    throw fail(controllerErrors.APP_INST_CLUSTER_NOT_READY, {
      key: OBJECTS.ClusterInst.keyJson(clusterOf(key)),
    });
  }
  if (clusterDeployment(app.deployment) !== cluster.deployment) {
    throw fail(controllerErrors.APP_INST_DEPLOYMENT, {
      app: app.deployment,
      cluster: cluster.deployment,
    });
  }
}
