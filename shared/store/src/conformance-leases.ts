import { isKind, systemClock } from '@edgeplane/base';
import * as assert from 'uvu/assert';
import {
  type ConformanceSubject,
  collect,
  type DefineSubjectTest,
  del,
  put,
  rejection,
  until,
} from './conformance-subject.js';
import { storeErrors } from './errors.js';

export function leaseTests(
  define: DefineSubjectTest,
  abilities: readonly (keyof ConformanceSubject)[],
): void {
  define('keys of a revoked lease vanish together, others stay', async ({ store }) => {
    const lease = await store.lease(30);
    const { revision } = await store.txn({
      ops: [put('l/a', '1', lease), put('l/b', '2', lease), put('l/c', '3')],
    });
    await store.txn({ ops: [put('l/b', 'without')] });
    await store.txn({ ops: [put('l/d', '4', lease), put('l/c', 'with', lease)] });
    await store.txn({ ops: [del('l/d')] });
    await lease.revoke();
    await lease.revoke();
    assert.equal(
      (await store.list('l/')).entries.map((e) => e.key),
      ['l/b'],
    );
    const batches = await collect(store, 'l/', revision, (all) => all.length === 4);
    const keys = batches.at(-1)?.events.map((e) => (e.type === 'delete' ? e.key : 'put'));
    assert.equal(keys?.sort(), ['l/a', 'l/c']);
  });

  define('a put with a lease that is gone is refused', async ({ store }) => {
    const lease = await store.lease(30);
    await lease.revoke();
    const error = await rejection(store.txn({ ops: [put('l/b', '1'), put('l/a', '1', lease)] }));
    assert.ok(isKind(error, storeErrors.LEASE_LOST), String(error));
    assert.equal((await store.list('l/')).entries, []);
  });

  define('a lease is kept alive beyond its time to live', async ({ store }) => {
    const lease = await store.lease(1);
    let lost = false;
    lease.lost.then(() => {
      lost = true;
    });
    await store.txn({ ops: [put('l/a', '1', lease)] });
    const end = systemClock.monotonic() + 3500;
    await until('three times the time to live', async () => {
      assert.ok((await store.get('l/a')).entry, 'the key is there all the time');
      return systemClock.monotonic() > end;
    });
    assert.is(lost, false);
    await lease.revoke();
  });

  if (abilities.includes('restart')) {
    define('leases end with the store, other keys stay', async (subject) => {
      const lease = await subject.store.lease(60);
      await subject.store.txn({ ops: [put('l/a', '1', lease), put('l/b', '2')] });
      const store = await subject.restart?.();
      assert.equal(
        (await store?.list('l/'))?.entries.map((e) => e.key),
        ['l/b'],
      );
    });
  }

  if (abilities.includes('mortal')) {
    define('keys of a client that died vanish after the time to live', async (subject) => {
      const mortal = await subject.mortal?.(2);
      if (!mortal) throw new Error('the subject said it can');
      await mortal.store.txn({ ops: [put('l/a', '1', mortal.lease)] });
      await mortal.die();
      assert.ok((await subject.store.get('l/a')).entry);
      await until('the key vanishes', async () => (await subject.store.get('l/a')).entry === undefined);
    });
  }
}
