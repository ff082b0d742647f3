import { fail, messageOf } from '@edgeplane/base';
import { NO_OVERRIDES } from '@edgeplane/lifecycle';
import { OBJECTS, validateCloudletKey } from '@edgeplane/objects';
import type { Cloudlet, CloudletApiService, CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { IpSupport, Liveness } from '@edgeplane/proto/edgeproto/common.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { Tx } from '../db/tx.js';
import { controllerErrors } from '../errors.js';
import type { Call, Say } from '../operations/call.js';
import { isAutoDelete } from '../operations/delete-app.js';
import { deleteAppInst } from '../operations/delete-app-inst.js';
import { deleteClusterInst } from '../operations/delete-cluster-inst.js';
import { referOperator } from '../operations/owners.js';
import { IpRanges } from '../refs/ip-ranges.js';
import { staticIpsIn } from '../refs/ips.js';
import { applyUpdate, forCreate, streamedMutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.Cloudlet;
/** Field ids. */
const LOCATION = '5';
const LATITUDE = '5.1';
const LONGITUDE = '5.2';
const IP_SUPPORT = '6';
const STATIC_IPS = '7';
const NUM_DYNAMIC_IPS = '8';

/** Cloudlets (controller spec section 10.4). */
export function cloudletApi(context: ControllerContext): ServiceHandlers<typeof CloudletApiService> {
  return {
    createCloudlet: streamedMutation(TYPE, (request) => create(context, request)),
    updateCloudlet: streamedMutation(TYPE, (request) => update(context, request)),
    deleteCloudlet: streamedMutation(TYPE, (request, say) => remove(context, request, say)),
    showCloudlet: showCache(TYPE, context.caches.cloudlets),
  };
}

async function create(context: ControllerContext, request: Cloudlet): Promise<void> {
  const ipSupport = request.ipSupport || IpSupport.IP_SUPPORT_DYNAMIC;
  const isStatic = ipSupport === IpSupport.IP_SUPPORT_STATIC;
  if (!isStatic && request.numDynamicIps < 1) throw fail(controllerErrors.CLOUDLET_NO_DYNAMIC_IP);
  const { latitude = 0, longitude = 0 } = request.location ?? {};
  if (latitude === 0 && longitude === 0) throw fail(controllerErrors.CLOUDLET_NO_LOCATION);
  validateCloudletKey(request.key);
  checkRange(request);
  if (isStatic) checkStaticIps(request);
  const cloudlet = { ...forCreate(TYPE, request), ipSupport };
  await context.db.create(TYPE, cloudlet, async (tx) => {
    await referOperator(context, tx, request.key?.operatorKey?.name ?? '');
  });
}

async function update(context: ControllerContext, request: Cloudlet): Promise<void> {
  const mask = TYPE.mask(request.fields);
  const staticWanted = mask.covers(IP_SUPPORT) && request.ipSupport === IpSupport.IP_SUPPORT_STATIC;
  if (mask.covers(NUM_DYNAMIC_IPS) && request.numDynamicIps < 1 && !staticWanted) {
    throw fail(controllerErrors.CLOUDLET_TOO_FEW_IPS);
  }
  const { latitude = 0, longitude = 0 } = request.location ?? {};
  if (mask.covers(LATITUDE) && latitude === 0) throw fail(controllerErrors.CLOUDLET_LATITUDE_ZERO);
  if (mask.covers(LONGITUDE) && longitude === 0) throw fail(controllerErrors.CLOUDLET_LONGITUDE_ZERO);
  validateCloudletKey(request.key);
  await context.db.update(TYPE, TYPE.key(request), async (stored, tx) => {
    const merged = applyUpdate(TYPE, stored, request);
    checkRange(merged);
    if (mask.covers(STATIC_IPS) || mask.covers(IP_SUPPORT)) await keepStaticIps(context, tx, merged);
    return merged;
  });
  if (mask.touches(LOCATION)) await moveAppInsts(context, TYPE.key(request));
}

/** @throws EdgeplaneError STATIC_IPS_SYNTAX, CLOUDLET_NO_STATIC_IP */
function checkStaticIps({ staticIps }: Cloudlet): IpRanges {
  const ranges = IpRanges.parse(staticIps);
  if (ranges.count === 0n) throw fail(controllerErrors.CLOUDLET_NO_STATIC_IP, { value: staticIps });
  return ranges;
}

/**
 * Clusters keep the addresses they have: each must stay listed, and none may become the first, which is the shared load
 * balancer's. A cloudlet without static addresses may carry any text there, as it always could, as long as none is in use.
 */
async function keepStaticIps({ caches }: ControllerContext, tx: Tx, cloudlet: Cloudlet): Promise<void> {
  const refs = await tx.get(OBJECTS.CloudletRefs, TYPE.key(cloudlet));
  const used = refs ? staticIpsIn(refs) : [];
  if (cloudlet.ipSupport !== IpSupport.IP_SUPPORT_STATIC && used.length === 0) return;
  const ranges = checkStaticIps(cloudlet);
  for (const address of used) {
    const first = address === ranges.first;
    if (ranges.has(address) && !first) continue;
    const clusters = caches.clusterInsts.byIndex('cloudlet', TYPE.keyJsonOf(cloudlet));
    const user = clusters.find(({ value }) => value.allocatedIp === address)?.key ?? '';
    throw fail(controllerErrors.CLOUDLET_STATIC_IP_IN_USE, {
      address,
      user,
      place: first ? " behind the first, which is the shared load balancer's" : '',
    });
  }
}

function checkRange({ location }: Cloudlet): void {
  const { latitude = 0, longitude = 0 } = location ?? {};
  if (!(Math.abs(latitude) <= 90)) throw fail(controllerErrors.CLOUDLET_LATITUDE);
  if (!(Math.abs(longitude) <= 180)) throw fail(controllerErrors.CLOUDLET_LONGITUDE);
}

/** Gives the AppInsts of a cloudlet its latitude and longitude. */
async function moveAppInsts({ db, caches, logger }: ControllerContext, key: CloudletKey): Promise<void> {
  for (const { key: keyJson, value } of caches.appInsts.byIndex('cloudlet', TYPE.keyJson(key))) {
    try {
      await db.commit(async (tx) => {
        const inst = await tx.get(OBJECTS.AppInst, OBJECTS.AppInst.key(value));
        const cloudlet = await tx.get(TYPE, key);
        if (!inst?.cloudletLoc || !cloudlet?.location) return;
        const { latitude, longitude } = cloudlet.location;
        tx.put(OBJECTS.AppInst, { ...inst, cloudletLoc: { ...inst.cloudletLoc, latitude, longitude } });
      });
    } catch (error) {
      logger.error({ key: keyJson, reason: messageOf(error) }, 'AppInst did not get its new location');
    }
  }
}

/** Instances that go with the cloudlet are deleted first, while the cloudlet is still there for their agent. */
async function remove(context: ControllerContext, request: Cloudlet, say: Say): Promise<void> {
  const key = TYPE.key(request);
  const keyJson = TYPE.keyJson(key);
  const { appInsts, apps, clusterInsts } = context.caches;
  const appInstsHere = () => appInsts.byIndex('cloudlet', keyJson).map(({ value }) => value);
  const clusterInstsHere = () => clusterInsts.byIndex('cloudlet', keyJson).map(({ value }) => value);
  const refuseStatic = () => {
    const keeps = appInstsHere().some((inst) => {
      const app = inst.key?.appKey && apps.get(OBJECTS.App.keyJson(inst.key.appKey))?.value;
      return inst.liveness === Liveness.LIVENESS_STATIC && !(app && isAutoDelete(app));
    });
    if (keeps) throw fail(controllerErrors.CLOUDLET_IN_USE_BY_APP_INST);
    if (clusterInstsHere().some((inst) => inst.liveness === Liveness.LIVENESS_STATIC)) {
      throw fail(controllerErrors.CLOUDLET_IN_USE_BY_CLUSTER_INST);
    }
  };
  refuseStatic();
  validateCloudletKey(key);
  const call: Call = { overrides: NO_OVERRIDES, say };
  try {
    for (const inst of appInstsHere()) {
      // An auto-cluster takes the rest of its instances along.
      if (!appInsts.has(OBJECTS.AppInst.keyJsonOf(inst))) continue;
      await deleteAppInst(context, OBJECTS.AppInst.key(inst), call);
    }
    for (const inst of clusterInstsHere())
      await deleteClusterInst(context, OBJECTS.ClusterInst.key(inst), call);
  } catch (error) {
    const params = { cloudlet: key.name, error: messageOf(error) };
    throw fail(controllerErrors.CLOUDLET_INSTANCE_DELETE_FAILED, params, { cause: error });
  }
  const refuseAny = () => {
    refuseStatic();
    if (appInstsHere().length > 0) throw fail(controllerErrors.CLOUDLET_IN_USE_BY_APP_INST);
    if (clusterInstsHere().length > 0) throw fail(controllerErrors.CLOUDLET_IN_USE_BY_CLUSTER_INST);
  };
  await context.db.deleteUnused(TYPE, key, refuseAny, async (tx) => {
    if (await tx.entry(OBJECTS.CloudletRefs, key)) tx.delete(OBJECTS.CloudletRefs, key);
  });
}
