import { fail } from '@edgeplane/base';
import { stm } from '@edgeplane/store';
import { controllerErrors } from '../errors.js';
import { newest, type UpgradeOptions, upgradeStoredData } from '../upgrade/upgrade-stored-data.js';
import { parseStoredVersion, type VersionChain } from '../upgrade/versions.js';
import { regionPrefix, versionKey } from './store-keys.js';

export interface VersionCheckOptions extends UpgradeOptions {
  /** Upgrade data of an older version instead of refusing it. */
  readonly autoUpgrade: boolean;
}

/**
 * Makes sure that stored data is of our data model (controller spec section 19.3): an unmarked store gets our mark; an
 * older one is upgraded if that is wanted; anything else is refused.
 * @throws EdgeplaneError VERSION_MISMATCH, and those of {@link upgradeStoredData}
 */
export async function checkVersion(options: VersionCheckOptions): Promise<void> {
  const { store, region, chain } = options;
  const key = versionKey(region);
  const { value: stored } = await stm(store, async (tx) => {
    const entry = await tx.get(key);
    if (!entry?.value) tx.put(key, chain.current.hash);
    return entry?.value;
  });
  if (!stored) await warnOfData(options);
  if (!stored || stored === chain.current.hash) return;
  if (!options.autoUpgrade) {
    const advice = adviceOn(stored, chain);
    throw fail(controllerErrors.VERSION_MISMATCH, { advice, ...newest(chain) });
  }
  await upgradeStoredData(options);
}

/** A store that is not new, but has no version, may be one that was restored in part. */
async function warnOfData({ store, region, logger }: VersionCheckOptions): Promise<void> {
  const { entries } = await store.list(regionPrefix(region));
  if (entries.length > 1) logger.warn({ region }, 'Stored data has no version: taken for current');
}

/** What the stored data is, and what can be done about it. */
function adviceOn(text: string, chain: VersionChain): string {
  const stored = parseStoredVersion(text);
  if (stored.kind === 'upgrading') {
    return `an upgrade from ${stored.from} to ${stored.to} was begun and has not ended; start the controller with --auto-upgrade to finish it`;
  }
  const step = chain.stepFrom(text);
  if (!step) {
    return `stored data is of version ${text}, which this controller does not know; start the newer controller that wrote it, or name another --store or --region`;
  }
  return `stored data is of version ${step.from.number} (${text}); stop all controllers of the region, back up the store, then start one with --auto-upgrade`;
}
