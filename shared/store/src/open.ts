import { fail, type Logger } from '@edgeplane/base';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { storeErrors } from './errors.js';
import { EtcdStore } from './etcd.js';
import { LmdbStore } from './lmdb.js';
import { MemoryStore } from './memory.js';
import type { Store } from './store.js';

export interface OpenStoreOptions {
  /** For etcd with https urls. */
  readonly credentials?: ChannelCredentials;
  readonly logger?: Logger;
  /** How many revisions of history memory and lmdb keep for watches; default 10,000. */
  readonly keepRevisions?: number;
}

/**
 * Opens the store that a flag names: `memory`, `lmdb:<dir>` or `etcd:<url>[,<url>...]`. It answers when this returns.
 * @throws EdgeplaneError STORE_SPEC_INVALID, STORE_UNAVAILABLE, STORE_IN_USE, STORE_CORRUPT.
 */
export async function openStore(spec: string, options: OpenStoreOptions = {}): Promise<Store> {
  const colon = spec.indexOf(':');
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const rest = colon < 0 ? undefined : spec.slice(colon + 1);
  const refuse = (rule: string) => fail(storeErrors.STORE_SPEC_INVALID, { value: spec, rule });
  const keep = options.keepRevisions === undefined ? {} : { keepRevisions: options.keepRevisions };
  switch (kind) {
    case 'memory':
      if (rest !== undefined) throw refuse('memory takes nothing after it');
      return new MemoryStore(keep);
    case 'lmdb':
      if (!rest) throw refuse('lmdb needs a folder: lmdb:<dir>');
      return LmdbStore.open(rest, keep);
    case 'etcd': {
      const urls = (rest ?? '').split(',').map((url) => url.trim());
      if (urls.some((url) => url === '')) throw refuse('etcd needs urls: etcd:<url>[,<url>...]');
      return openEtcd(urls, options);
    }
    default:
      throw refuse('it must be memory, lmdb:<dir> or etcd:<url>[,<url>...]');
  }
}

async function openEtcd(urls: readonly string[], options: OpenStoreOptions): Promise<Store> {
  const { credentials, logger } = options;
  const store = new EtcdStore(urls, { ...(credentials && { credentials }), ...(logger && { logger }) });
  try {
    await store.probe();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
