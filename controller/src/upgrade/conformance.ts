import { knownVersions } from '@edgeplane/objects';
import type { Store } from '@edgeplane/store';
import * as assert from 'uvu/assert';
import {
  comparable,
  Died,
  dump,
  dyingStore,
  load,
  oldData,
  readEntries,
  upgrade,
  upgradedData,
} from './testing.js';
import { UPGRADES } from './upgrades.js';
import { versionChain } from './versions.js';

export { dump, load, oldData, upgradedData } from './testing.js';

/** A store of one test's own. */
export interface UpgradeSubject {
  readonly store: Store;
  /** The same data for another process; the store itself where there can be none. */
  readonly second: Store;
  /** Closes the store and removes its data. */
  cleanup(): Promise<void>;
}

/** Data of 401 AppInsts and 134 ClusterInsts: several transactions for every function. */
const MANY = 401;
const [OLDEST] = knownVersions();

/** The upgrades of stored data, as tests of every store that may hold it. */
export function upgradeConformance(
  test: (name: string, body: () => Promise<void>) => void,
  name: string,
  makeSubject: () => Promise<UpgradeSubject>,
): void {
  const define = (what: string, body: (subject: UpgradeSubject) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      const subject = await makeSubject();
      try {
        await body(subject);
      } finally {
        await subject.cleanup();
      }
    });

  for (const { name: func } of UPGRADES) {
    define(`${func} makes its post data of its pre data`, async ({ store }) => {
      const from = { hash: 'a'.repeat(32), upgrade: undefined };
      const to = { hash: 'b'.repeat(32), upgrade: func };
      await load(store, readEntries(func, 'pre'), from.hash);
      await upgrade(store, { chain: versionChain([from, to]) });
      const post = comparable([...readEntries(func, 'post'), { key: '1/Version', value: to.hash }]);
      assert.equal(await dump(store), post);
    });
  }

  define('all versions of many entries, and a second run changes nothing', async ({ store }) => {
    await load(store, oldData(MANY), OLDEST?.hash ?? '');
    await upgrade(store);
    assert.equal(await dump(store), upgradedData(MANY));
    const { revision } = await store.get('1/Version');
    await upgrade(store);
    assert.is((await store.get('1/Version')).revision, revision);
  });

  for (const written of [false, true]) {
    const when = written ? 'after' : 'before';
    define(`a process that dies ${when} every transaction ends with the same data`, async ({ store }) => {
      await load(store, oldData(MANY), OLDEST?.hash ?? '');
      let deaths = 0;
      // Not written, the second transaction dies: the first of each run gets on, or it would never end.
      while (!(await survives(upgrade(dyingStore(store, written ? 1 : 2, written))))) deaths++;
      assert.ok(deaths > 12, `${deaths} transactions`);
      assert.equal(await dump(store), upgradedData(MANY));
    });
  }

  define('two processes at once end with the same data', async ({ store, second }) => {
    await load(store, oldData(MANY), OLDEST?.hash ?? '');
    await Promise.all([upgrade(store), upgrade(second)]);
    assert.equal(await dump(store), upgradedData(MANY));
  });
}

/** False when it died. */
export async function survives(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Died) return false;
    throw error;
  }
}
