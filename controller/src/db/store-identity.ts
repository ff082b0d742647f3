import type { Random } from '@edgeplane/base';
import type { Store } from '@edgeplane/store';

/** Outside the region's prefix, as {@link guardKey}. */
const identityKey = (region: number) => `edgeplane/${region}/identity`;

/**
 * A name of the store's data that all its controllers share, made up once: revisions of different stores say nothing of
 * each other.
 */
export async function storeIdentity(store: Store, region: number, random: Random): Promise<string> {
  const key = identityKey(region);
  const known = await store.get(key);
  if (known.entry) return known.entry.value;
  const value = Array.from({ length: 4 }, () => Math.floor(random.next() * 2 ** 32).toString(16)).join('-');
  // Another controller may be faster; then its name counts.
  await store.txn({ compare: [{ key, revision: 0 }], ops: [{ type: 'put', key, value }] });
  return (await store.get(key)).entry?.value ?? value;
}
