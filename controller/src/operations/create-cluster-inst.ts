import { fail } from '@edgeplane/base';
import { canStep } from '@edgeplane/lifecycle';
import { enumCamel, enumSchema, OBJECTS, validateClusterInstKey } from '@edgeplane/objects';
import type { Cloudlet } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ClusterInst, ClusterInstKey } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { IpAccess, Liveness, TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import { isAutoClusterName } from '../names.js';
import type { Operation } from '../ownership/operation.js';
import { matchFlavor } from '../placement/match-flavor.js';
import { checkCapacity } from '../refs/capacity.js';
import { grantIp } from '../refs/ips.js';
import { addCluster } from '../refs/resources.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { releaseClusterInst } from './drop-cluster-inst.js';
import { owned } from './owned.js';
import { referDeveloper } from './owners.js';
import { CLUSTER_INSTS, settleCreate } from './settle.js';
import { CREATE_WAIT, StateWatch } from './state-watch.js';

/** What a caller may say of a new ClusterInst; all else is the controller's. */
export type ClusterInstRequest = Pick<
  ClusterInst,
  'key' | 'flavor' | 'liveness' | 'auto' | 'ipAccess' | 'deployment' | 'numMasters' | 'numNodes'
>;

/**
 * Creates a ClusterInst and waits for the agent (controller spec section 13.1). `also` is done in the transaction that
 * stores it.
 * @throws EdgeplaneError of the catalogue's ClusterInst part, KEY_EXISTS, AGENT_FAILED, AGENT_TIMEOUT
 */
export async function createClusterInst(
  context: ControllerContext,
  request: ClusterInstRequest,
  call: Call,
  also: (tx: Tx) => Promise<void> = async () => {},
): Promise<void> {
  const { ignoresAgent } = call.overrides;
  const key = OBJECTS.ClusterInst.key(
    OBJECTS.ClusterInst.normalize({ ...OBJECTS.ClusterInst.empty(), ...request }),
  );
  if (!ignoresAgent) requireReady(context, key.cloudletKey);
  const wanted = withDefaults({ ...request, key });
  const keyJson = OBJECTS.ClusterInst.keyJson(key);
  const watch = new StateWatch({
    context,
    cache: context.caches.clusterInsts,
    keyJson,
    typeName: 'ClusterInst',
    plan: CREATE_WAIT,
    timeoutMs: context.timeouts.create,
  });
  try {
    const { revision, value: operation } = await context.db.commit(
      async (tx) => {
        await store(context, tx, key, wanted, call);
        await also(tx);
        return ignoresAgent ? undefined : begin(context, tx, keyJson, call);
      },
      { say: call.say, ...turnOf(OBJECTS.ClusterInst, key) },
    );
    if (!operation) return;
    await owned(context, operation, async () => {
      try {
        if ((await watch.result(revision, call.say)) === 'done') call.say('Created successfully');
        await context.ownership.finish(operation);
      } catch (error) {
        await settleCreate(context, CLUSTER_INSTS, key, call, operation, error);
      }
    });
  } finally {
    watch.close();
  }
}

function begin({ ownership, timeouts }: ControllerContext, tx: Tx, key: string, call: Call): Operation {
  const { ignoresAgentErrors } = call.overrides;
  return ownership.begin(tx, {
    instance: 'ClusterInst',
    key,
    work: 'create',
    timeoutMs: timeouts.create,
    ignoresAgentErrors,
  });
}

/** Checks that need no store, and defaults (steps 3 to 6). */
function withDefaults(request: ClusterInstRequest): ClusterInstRequest {
  const { key } = request;
  if (!key?.developer) throw fail(controllerErrors.DEVELOPER_EMPTY);
  if (!key.cloudletKey?.name) throw fail(controllerErrors.CLOUDLET_NAME_EMPTY);
  if (!key.cloudletKey.operatorKey?.name) throw fail(controllerErrors.OPERATOR_NAME_EMPTY);
  if (!key.clusterKey?.name) throw fail(controllerErrors.CLUSTER_NAME_EMPTY);
  const shared = (access: IpAccess) =>
    access === IpAccess.IP_ACCESS_UNKNOWN ? IpAccess.IP_ACCESS_SHARED : access;
  switch (request.deployment) {
    case '':
    case 'helm':
    case 'kubernetes': {
      const numMasters = request.numMasters || 1;
      if (numMasters > 1) throw fail(controllerErrors.CLUSTER_INST_MASTERS);
      if (request.numNodes === 0) throw fail(controllerErrors.CLUSTER_INST_NO_NODES);
      return { ...request, deployment: 'kubernetes', numMasters, ipAccess: shared(request.ipAccess) };
    }
    case 'docker': {
      if (request.numMasters !== 0 || request.numNodes !== 0) {
        throw fail(controllerErrors.CLUSTER_INST_DOCKER_NODES);
      }
      const ipAccess = request.ipAccess || IpAccess.IP_ACCESS_DEDICATED;
      if (ipAccess !== IpAccess.IP_ACCESS_DEDICATED) throw fail(controllerErrors.CLUSTER_INST_DOCKER_IP);
      return { ...request, ipAccess };
    }
    case 'vm':
      throw fail(controllerErrors.CLUSTER_INST_FOR_VM);
    default:
      throw fail(controllerErrors.CLUSTER_INST_DEPLOYMENT, { deployment: request.deployment });
  }
}

/** Step 7: reserves what it needs and stores it, in one transaction. */
async function store(
  context: ControllerContext,
  tx: Tx,
  key: ClusterInstKey,
  request: ClusterInstRequest,
  call: Call,
): Promise<void> {
  const existing = await tx.get(OBJECTS.ClusterInst, key);
  const to = call.overrides.ignoresAgent ? TrackedState.READY : TrackedState.CREATE_REQUESTED;
  if (existing) await takeOver(tx, existing, to, call);
  else {
    validateClusterInstKey(key);
    if (!request.auto && isAutoClusterName(key.clusterKey?.name ?? '')) {
      throw fail(controllerErrors.CLUSTER_NAME_RESERVED);
    }
  }
  await referDeveloper(context, tx, key.developer);
  const cloudletKey = key.cloudletKey ?? { operatorKey: undefined, name: '' };
  const cloudlet = await tx.refer(OBJECTS.Cloudlet, cloudletKey);
  if (!cloudlet) throw fail(controllerErrors.CLUSTER_INST_CLOUDLET_MISSING);
  const { flavor, nodeFlavor, info } = await chooseFlavors(tx, cloudlet, request);
  const refs = (await tx.get(OBJECTS.CloudletRefs, cloudletKey)) ?? OBJECTS.CloudletRefs.withKey(cloudletKey);
  const use = {
    clusterName: key.clusterKey?.name ?? '',
    nodes: request.numMasters + request.numNodes,
    size: flavor,
  };
  const counted = addCluster(refs, use);
  checkCapacity(refs, counted, info, context.enforceCapacity);
  const grant = grantIp(counted, cloudlet, request.ipAccess);
  if (existing) await keepForApps(tx, existing, { ipAccess: grant.ipAccess, deployment: request.deployment });
  tx.put(OBJECTS.CloudletRefs, grant.refs);
  tx.put(OBJECTS.ClusterInst, {
    ...OBJECTS.ClusterInst.withKey(key),
    flavor: flavor.key,
    // What the system made for itself stays its own when a user rebuilds it.
    liveness: existing?.liveness || request.liveness || Liveness.LIVENESS_DYNAMIC,
    auto: existing?.auto ?? request.auto,
    state: to,
    ipAccess: grant.ipAccess,
    allocatedIp: grant.allocatedIp,
    nodeFlavor,
    deployment: request.deployment,
    numMasters: request.numMasters,
    numNodes: request.numNodes,
  });
}

/** A ClusterInst is there already: goes on only when the table allows it, and then frees what the old one holds. */
async function takeOver(tx: Tx, existing: ClusterInst, to: TrackedState, call: Call): Promise<void> {
  const { state } = existing;
  if (!canStep({ kind: 'ClusterInst', from: state, actor: 'user', to, overrides: call.overrides })) {
    if (state === TrackedState.CREATE_ERROR) {
      tx.hints.push(
        `Previous create failed, [${existing.errors.join(' ')}]`,
        'Use DeleteClusterInst to remove and try again',
      );
    }
    throw fail(storeErrors.KEY_EXISTS);
  }
  await releaseClusterInst(tx, existing);
}

/** What AppInsts on a ClusterInst rely on stays when it is rebuilt under them. */
async function keepForApps(
  tx: Tx,
  existing: ClusterInst,
  wanted: Pick<ClusterInst, 'ipAccess' | 'deployment'>,
): Promise<void> {
  const [app] = (await tx.get(OBJECTS.ClusterRefs, OBJECTS.ClusterInst.key(existing)))?.apps ?? [];
  if (!app) return;
  const access = (value: IpAccess) => enumCamel(enumSchema('edgeproto.IpAccess'), value);
  for (const [field, from, to] of [
    ['ip_access', access(existing.ipAccess), access(wanted.ipAccess)],
    ['deployment', existing.deployment || 'kubernetes', wanted.deployment],
  ] as const)
    if (from !== to) throw fail(controllerErrors.CLUSTER_INST_REBUILD, { app: app.name, field, from, to });
}

async function chooseFlavors(tx: Tx, cloudlet: Cloudlet, request: ClusterInstRequest) {
  const cloudletKey = OBJECTS.Cloudlet.key(cloudlet);
  const info = await tx.get(OBJECTS.CloudletInfo, cloudletKey);
  if (!info) {
    throw fail(controllerErrors.CLUSTER_INST_NO_CLOUDLET_INFO, {
      operator: cloudletKey.operatorKey?.name ?? '',
      name: cloudletKey.name,
    });
  }
  let name = request.flavor?.name ?? '';
  if (name === '') {
    const cluster = await tx.get(OBJECTS.Cluster, request.key?.clusterKey ?? { name: '' });
    name = cluster?.defaultFlavor?.name ?? '';
  }
  if (name === '') throw fail(controllerErrors.CLUSTER_INST_NO_FLAVOR);
  const flavor = await tx.refer(OBJECTS.Flavor, { name });
  if (!flavor) throw fail(controllerErrors.CLUSTER_INST_FLAVOR_MISSING, { flavor: name });
  return { flavor, nodeFlavor: matchFlavor(info.flavors, flavor), info };
}
