import { fail } from '@edgeplane/base';
import { OBJECTS, validateCloudletKey } from '@edgeplane/objects';
import type { CloudletInfo, CloudletInfoApiService } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ServiceHandlers } from '@edgeplane/rpc';
import { storeErrors } from '@edgeplane/store';
import type { ControllerContext } from '../context.js';
import { applyUpdate, forCreate, mutation } from './handlers.js';
import { showCache } from './show.js';

const TYPE = OBJECTS.CloudletInfo;

/** What agents report of their sites (controller spec section 16.2). */
export function cloudletInfoApi(context: ControllerContext): ServiceHandlers<typeof CloudletInfoApiService> {
  return {
    showCloudletInfo: showCache(TYPE, context.caches.cloudletInfos),
    injectCloudletInfo: mutation(TYPE, (request) => inject(context, request)),
    evictCloudletInfo: mutation(TYPE, (request) => evict(context, request)),
  };
}

/** Stores a new one whole; of one that is there, only the listed fields are changed. */
async function inject({ db, registry }: ControllerContext, request: CloudletInfo): Promise<void> {
  const info = forCreate(TYPE, request);
  await registry.withLease((lease) =>
    db.commit(async (tx) => {
      const stored = await tx.get(TYPE, TYPE.key(request));
      tx.put(TYPE, stored ? applyUpdate(TYPE, stored, request) : info, lease);
    }),
  );
}

async function evict({ db }: ControllerContext, request: CloudletInfo): Promise<void> {
  const key = TYPE.key(request);
  validateCloudletKey(key);
  await db.commit(async (tx) => {
    if (!(await tx.entry(TYPE, key))) throw fail(storeErrors.KEY_NOT_FOUND);
    tx.delete(TYPE, key);
  });
}
