import { fail, type Logger } from '@edgeplane/base';
import { currentVersionHash } from '@edgeplane/objects';
import { type Store, stm } from '@edgeplane/store';
import { controllerErrors } from '../errors.js';
import { versionKey } from './store-keys.js';

/**
 * Makes sure that stored data is of our data model (controller spec section 19.3): an unmarked store gets our mark, one
 * with another mark is refused.
 * @throws EdgeplaneError VERSION_MISMATCH
 */
export async function checkVersion(store: Store, region: number, logger: Logger): Promise<void> {
  const key = versionKey(region);
  const current = currentVersionHash();
  const { value: stored } = await stm(store, async (tx) => {
    const entry = await tx.get(key);
    if (!entry?.value) tx.put(key, current);
    return entry?.value;
  });
  if (!stored || stored === current) return;
  logger.error({ stored, current }, 'Stored data is of another version');
  throw fail(controllerErrors.VERSION_MISMATCH);
}
