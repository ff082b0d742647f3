import type { SendSource } from '@edgeplane/notify';
import type { ObjectType } from '@edgeplane/objects';
import type { ObjectCache } from '@edgeplane/store';

/** A cache as what the notify server sends. */
export function cacheSource<T, K>(type: ObjectType<T, K>, cache: ObjectCache<T>): SendSource<T, K> {
  return {
    type,
    keys: () => cache.keys(),
    get: (keyJson) => cache.get(keyJson)?.value,
    subscribe: (listener) => cache.subscribe((change) => listener(change.key, change.previous)),
  };
}
