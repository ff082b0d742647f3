import { fail } from '@edgeplane/base';
import { notifyErrors } from '../errors.js';

/**
 * A revision as it is reckoned with. One that is no exact number would be told on as one that cannot be encoded.
 * @throws EdgeplaneError NOTICE_MALFORMED
 */
export function revisionNumber(revision: bigint): number {
  if (revision <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(revision);
  throw fail(notifyErrors.NOTICE_MALFORMED, { reason: `revision ${revision} is too large` });
}
