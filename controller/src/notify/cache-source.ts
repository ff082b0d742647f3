import type { SendSource } from '@edgeplane/notify';
import type { ObjectType } from '@edgeplane/objects';
import type { CacheSync, ObjectCache } from '@edgeplane/store';

/** A cache as what the notify server sends, with the store's revisions. */
export function cacheSource<T, K>(
  type: ObjectType<T, K>,
  cache: ObjectCache<T>,
  sync: Pick<CacheSync, 'revision'>,
): SendSource<T, K> {
  return {
    type,
    keys: () => cache.keys(),
    get: (keyJson) => cache.get(keyJson)?.value,
    revisionOf: (keyJson) => cache.get(keyJson)?.revision ?? 0,
    revision: () => sync.revision,
    subscribe: (listener) => cache.subscribe((change) => listener(change.key, change.previous)),
  };
}
