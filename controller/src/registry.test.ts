import { deferred, seededRandom, silentLogger, systemClock } from '@edgeplane/base';
import { MemoryStore } from '@edgeplane/store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Registry } from './registry.js';

test('a lease that is lost again while things are stored under it is replaced again', async () => {
  const store = new MemoryStore();
  const registry = new Registry({
    ...{ store, region: 1, owner: { id: 'o' }, leaseSeconds: 20 },
    ...{ logger: silentLogger, clock: systemClock, random: seededRandom(1) },
  });
  let renewals = 0;
  const stored = deferred<void>();
  registry.onRenewed(async () => {
    renewals += 1;
    if (renewals === 1) store.loseLeases();
    await registry.withLease((lease) =>
      store.txn({ ops: [{ type: 'put', key: 'report', value: String(renewals), lease }] }),
    );
    stored.resolve();
  });
  await registry.start('127.0.0.1:1');
  store.loseLeases();
  await stored.promise;
  assert.ok((await store.get('report')).entry);
  assert.ok((await store.get('1/Controller/{"addr":"127.0.0.1:1"}')).entry);
  await registry.stop();
  assert.is((await store.get('report')).entry, undefined, 'gone with the lease');
  await store.close();
});

test.run();
