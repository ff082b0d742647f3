import { fail, isKind, messageOf } from '@edgeplane/base';
import { canStep, type OverrideEffects, step, trackedStateName } from '@edgeplane/lifecycle';
import { OBJECTS } from '@edgeplane/objects';
import type { AppInst, AppInstKey, AppInstSettings } from '@edgeplane/proto/edgeproto/app_inst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { turnOf } from '../db/database.js';
import type { Tx } from '../db/tx.js';
import { resolveConfigFiles } from '../deploy/app-configs.js';
import { controllerErrors } from '../errors.js';
import { isDefaultCloudlet } from '../names.js';
import type { Operation } from '../ownership/operation.js';
import { checkCapacity } from '../refs/capacity.js';
import { cloudletOf } from './app-inst-keys.js';
import { cloudletUse, endUpdate, settingsOf, withSettings } from './app-inst-settings.js';
import type { Call } from './call.js';
import { requireReady } from './cloudlet-ready.js';
import { owned } from './owned.js';
import { StateWatch, UPDATE_WAIT } from './state-watch.js';

const S = TrackedState;
/** Field ids. The key and crm_override are passed over. */
const KEY = '2';
const LOCATION = '3';
const FLAVOR = '12';
const CRM_OVERRIDE = '16';
const CONFIGS = '100';

/** What of an AppInst is to change; the rest stays. */
interface Wanted {
  /** Name; empty for the App's default. */
  readonly flavor: string | undefined;
  readonly configs: AppInstSettings['configs'] | undefined;
}

/**
 * Changes the flavor or the configs of an AppInst and waits for the agent, with the messages of an update of a
 * ClusterInst. After a failure the AppInst has its old settings and is in UPDATE_ERROR, from where it can be updated again
 * or deleted.
 * @throws EdgeplaneError APP_INST_LOCATION, APP_INST_NOTHING_TO_UPDATE, APP_INST_FIELDS, APP_INST_NOT_READY,
 * APP_INST_UPDATE_UNSUPPORTED, APP_INST_FLAVOR_MISSING, APP_CONFIG_*, CAPACITY, KEY_NOT_FOUND, AGENT_FAILED, AGENT_TIMEOUT
 */
export async function updateAppInst(context: ControllerContext, request: AppInst, call: Call): Promise<void> {
  const key = OBJECTS.AppInst.key(request);
  const wanted = await wantedOf(context, request);
  const cloudletKey = cloudletOf(key);
  const direct = call.overrides.ignoresAgent || isDefaultCloudlet(cloudletKey);
  if (!direct) requireReady(context, cloudletKey);
  const own: Call = { ...call, overrides: { ...call.overrides, ignoresAgent: direct } };
  const watch = new StateWatch({
    context,
    cache: context.caches.appInsts,
    keyJson: OBJECTS.AppInst.keyJson(key),
    typeName: 'AppInst',
    plan: UPDATE_WAIT,
    timeoutMs: context.timeouts.update,
  });
  try {
    const { revision, value: operation } = await context.db.commit(
      async (tx) => {
        await store(context, tx, key, wanted, own);
        if (direct) return undefined;
        return context.ownership.begin(tx, {
          instance: 'AppInst',
          key: OBJECTS.AppInst.keyJson(key),
          work: 'update',
          timeoutMs: context.timeouts.update,
        });
      },
      turnOf(OBJECTS.AppInst, key),
    );
    if (!operation) return;
    await owned(context, operation, async () => {
      try {
        if ((await watch.result(revision, call.say)) === 'done') call.say('Updated successfully');
      } catch (error) {
        await giveUpUpdate(context, key, operation, error);
        throw error;
      }
      await context.ownership.finish(operation);
    });
  } finally {
    watch.close();
  }
}

async function wantedOf(context: ControllerContext, request: AppInst): Promise<Wanted> {
  const below = (id: string, parent: string) => id === parent || id.startsWith(`${parent}.`);
  const { fields } = request;
  if (fields.some((id) => below(id, LOCATION))) throw fail(controllerErrors.APP_INST_LOCATION);
  const listed = fields.filter((id) => !below(id, KEY) && id !== CRM_OVERRIDE);
  if (listed.length === 0) throw fail(controllerErrors.APP_INST_NOTHING_TO_UPDATE);
  const others = listed.filter((id) => !below(id, FLAVOR) && !below(id, CONFIGS));
  if (others.length > 0) throw fail(controllerErrors.APP_INST_FIELDS, { fields: others.join(', ') });
  const names = (parent: string) => listed.some((id) => below(id, parent));
  return {
    flavor: names(FLAVOR) ? (request.flavor?.name ?? '') : undefined,
    configs: names(CONFIGS) ? await resolveConfigFiles(request.configs, context.fetcher) : undefined,
  };
}

async function store(
  context: ControllerContext,
  tx: Tx,
  key: AppInstKey,
  wanted: Wanted,
  { overrides }: Call,
): Promise<void> {
  const inst = await tx.get(OBJECTS.AppInst, key);
  if (!inst) throw fail(storeErrors.KEY_NOT_FOUND);
  const state = nextState(inst.state, overrides);
  const before = await cloudletUse(tx, inst);
  if (!overrides.ignoresAgent && !before.info?.updatesAppInsts) {
    const { operatorKey, name } = cloudletOf(key);
    const cloudlet = `${operatorKey?.name ?? ''}/${name}`;
    throw fail(controllerErrors.APP_INST_UPDATE_UNSUPPORTED, { cloudlet });
  }
  const settings = {
    flavor: wanted.flavor === undefined ? inst.flavor : await flavorOf(tx, key, wanted.flavor),
    configs: wanted.configs ?? inst.configs,
  };
  const changed = await withSettings(tx, inst, settings);
  const after = await cloudletUse(tx, inst);
  checkCapacity(before.refs, after.refs, before.info, context.enforceCapacity);
  const previous = overrides.ignoresAgent ? undefined : settingsOf(inst);
  tx.put(OBJECTS.AppInst, { ...changed, previous, state, errors: [] });
}

/** @throws EdgeplaneError APP_INST_NOT_READY */
function nextState(from: TrackedState, overrides: OverrideEffects): TrackedState {
  const kind = 'AppInst';
  if (!canStep({ kind, from, actor: 'user', to: S.UPDATE_REQUESTED, overrides })) {
    throw fail(controllerErrors.APP_INST_NOT_READY, { state: trackedStateName(from) });
  }
  if (!overrides.ignoresAgent) return S.UPDATE_REQUESTED;
  return step({ kind, from: S.UPDATE_REQUESTED, actor: 'controller', to: S.READY, overrides });
}

async function flavorOf(tx: Tx, { appKey }: AppInstKey, name: string) {
  const app = appKey && (await tx.get(OBJECTS.App, appKey));
  const flavor = name || app?.defaultFlavor?.name || '';
  const found = await tx.refer(OBJECTS.Flavor, { name: flavor });
  if (!found) throw fail(controllerErrors.APP_INST_FLAVOR_MISSING, { flavor });
  return found.key;
}

/**
 * After an update that did not end well. If the agent did not begin in time, nothing was changed, so everything is as before
 * but for the state, which says so.
 */
export async function giveUpUpdate(
  context: ControllerContext,
  key: AppInstKey,
  operation: Operation,
  error: unknown,
): Promise<void> {
  if (context.stopping.aborted) return;
  const { db, ownership } = context;
  if (!isKind(error, controllerErrors.AGENT_TIMEOUT)) return ownership.finish(operation);
  await db.commit(
    async (tx) => {
      if (!(await ownership.holds(tx, operation))) return;
      await ownership.end(tx, operation);
      const inst = await tx.get(OBJECTS.AppInst, key);
      const to = S.UPDATE_ERROR;
      if (!inst || !canStep({ kind: 'AppInst', from: inst.state, actor: 'controller', to })) return;
      tx.put(OBJECTS.AppInst, { ...(await endUpdate(tx, inst, to)), state: to, errors: [messageOf(error)] });
    },
    turnOf(OBJECTS.AppInst, key),
  );
}
