import { OBJECTS } from '@edgeplane/objects';
import type { AppInst, AppInstSettings } from '@edgeplane/proto/edgeproto/app_inst.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import type { Tx } from '../db/tx.js';
import { cloudletRefs, countAppInst } from './app-inst-refs.js';

export function settingsOf({ flavor, configs }: AppInst): AppInstSettings {
  return { flavor, configs };
}

/** An AppInst with other settings, counted as such. The caller stores it. */
export async function withSettings(tx: Tx, inst: AppInst, settings: AppInstSettings): Promise<AppInst> {
  const changed = { ...inst, ...settings };
  await countAppInst(tx, inst, -1);
  await countAppInst(tx, changed, 1);
  return changed;
}

/**
 * Ends an update of an AppInst that is about to get this state: what failed goes back to the settings before it, in the
 * transaction that stores the failure, whoever hears of it.
 */
export async function endUpdate(tx: Tx, inst: AppInst, state: TrackedState): Promise<AppInst> {
  const { previous } = inst;
  if (!previous || state === TrackedState.UPDATING || state === TrackedState.UPDATE_REQUESTED) return inst;
  const ended = { ...inst, previous: undefined };
  return state === TrackedState.UPDATE_ERROR ? withSettings(tx, ended, previous) : ended;
}

/** Compute of the AppInst's cloudlet before and after a change that was counted in this transaction. */
export async function cloudletUse(tx: Tx, inst: AppInst) {
  const refs = await cloudletRefs(tx, inst);
  const info = await tx.get(OBJECTS.CloudletInfo, OBJECTS.CloudletRefs.key(refs));
  return { refs, info };
}
