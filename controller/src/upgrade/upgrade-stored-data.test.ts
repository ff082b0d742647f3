/** What an upgrade does when something is wrong: crashes, other controllers, unknown versions, entries it cannot read. */
import { EdgeplaneError, fail, ManualClock, seededRandom, systemClock } from '@edgeplane/base';
import { computeVersionHash, currentVersionHash, knownVersions, OBJECTS } from '@edgeplane/objects';
import { MemoryStore, type Store, storeErrors } from '@edgeplane/store';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkVersion } from '../db/version-check.js';
import { TestController } from '../testing.js';
import { survives } from './conformance.js';
import { dump, dyingStore, load, oldData, readEntries, upgrade, upgradedData } from './testing.js';
import type { Upgrade } from './upgrade.js';
import { UPGRADES } from './upgrades.js';
import { versionChain } from './versions.js';

const hash = (n: number) => knownVersions()[n]?.hash ?? '';
const put = (key: string, value: string) => ({ type: 'put', key, value }) as const;

/** The text an upgrade is refused with. */
async function refusal(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'OK',
    (error: Error) => {
      assert.instance(error, EdgeplaneError);
      return error.message;
    },
  );
}

/** A store and what is logged while it is upgraded. */
function recorder() {
  const lines: string[] = [];
  const record = (_: object, text: string) => void lines.push(text);
  const logger = { info: record, warn: record, error: record, debug: record } as never;
  return { lines, logger };
}

test('the hash of our own descriptors is the last of the known versions, and the published ones come out', () => {
  const line = `HASH_${computeVersionHash()} = ${knownVersions().length};`;
  assert.ok(
    computeVersionHash() === currentVersionHash(),
    `VersionHash in edgeproto/version.proto needs ${line} see docs/checklists/data-upgrade.md`,
  );
  assert.is(computeVersionHash(''), '00bdcfa956ca4ee42be87abcd8fcaf1c');
  assert.is(computeVersionHash('1'), '0d2d9c0b07ad989e96fb3b3a44924316');
  assert.is(computeVersionHash('2'), '2b79f0b6e402045ee5f68d697b9386ae');
});

test('every version names a function that there is, and every function is named by a version', () => {
  const named = knownVersions().flatMap(({ upgrade: name }) => name ?? []);
  assert.equal(
    UPGRADES.map(({ name }) => name),
    named,
  );
  assert.throws(() =>
    versionChain([
      { hash: 'a', upgrade: undefined },
      { hash: 'b', upgrade: 'Gone' },
    ]),
  );
});

test('whatever the moments of the crashes, the data is the same in the end', async () => {
  const crashes = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 4 }), crashes, run),
    { numRuns: 40 },
  );
  async function run(count: number, version: number, points: readonly (readonly [number, boolean])[]) {
    const store = new MemoryStore();
    // Data of the oldest form is data of version 2, too.
    await load(store, oldData(count), hash(Math.min(version, 2)));
    for (const [transactions, written] of points) {
      await survives(upgrade(dyingStore(store, transactions, written)));
    }
    await upgrade(store);
    assert.equal(await dump(store), upgradedData(count));
  }
});

test('three processes, each dying now and then, end with the same data', async () => {
  const store = new MemoryStore();
  await load(store, oldData(500), hash(0));
  await Promise.all(
    [5, 3, 8].map(async (transactions, i) => {
      const own = store.connect();
      const random = seededRandom(i);
      while (!(await survives(upgrade(dyingStore(own, transactions, i % 2 === 0), { random }))));
    }),
  );
  assert.equal(await dump(store), upgradedData(500));
});

test('an entry that cannot be read stops the upgrade before it changes anything, and is named', async () => {
  const bad = {
    key: '1/AppInst/{"app_key":{}}',
    value: '{"key":{"app_key":{},"cloudlet_key":{}},"uri":"secret","state":"Nonsense"}',
  };
  for (const [value, reason] of [
    [bad.value, 'state: No enum value for Nonsense'],
    ['{"uri":"secret"', 'the value is not JSON'],
    ['[]', 'the value is not a JSON object'],
    ['{"key":{}}', 'key: has no app_key'],
    ['{"key":{"app_key":{"name":7}}}', 'name: must be a text'],
    ['{"key":{"app_key":{}},"mapped_ports":["secret"]}', 'mapped_ports: must be a list of objects'],
  ] as const) {
    const store = new MemoryStore();
    await load(store, [...oldData(200), { ...bad, value }], hash(2));
    const before = await dump(store);
    assert.is(
      await refusal(upgrade(store)),
      `Failed to run AddClusterInstKeyToAppInstKey: Could not upgrade objects store entries, err: ${bad.key}: ${reason}; correct or delete the entry, then start the controller with --auto-upgrade again`,
    );
    assert.equal(await dump(store), before);
    await store.txn({ ops: [{ type: 'delete', key: bad.key }] });
    await upgrade(store);
    assert.equal(await dump(store), upgradedData(200));
  }
});

test('a function that would overwrite what it has yet to read is refused', async () => {
  const swap: Upgrade = {
    name: 'Swap',
    prefix: () => 'x/',
    convert: ({ key, value }) => [{ type: 'put', key: value, value: key }],
  };
  const chain = versionChain(
    [
      { hash: 'a', upgrade: undefined },
      { hash: 'b', upgrade: 'Swap' },
    ],
    [swap],
  );
  const store = new MemoryStore();
  await load(store, [{ key: 'x/1', value: 'x/2' }, { key: 'x/2', value: 'x/1' }], 'a'); // biome-ignore format: two entries
  assert.match(await refusal(upgrade(store, { chain })), /x\/1: would overwrite x\/2/);
});

test('entries that become one are told of', async () => {
  const store = new MemoryStore();
  const { lines, logger } = recorder();
  const entries = readEntries('AddClusterInstKeyToAppInstKey', 'pre');
  // One of them is there in its new form already.
  const [converted = { key: '', value: '' }] = readEntries('AddClusterInstKeyToAppInstKey', 'post');
  await load(store, [...entries, converted], hash(2));
  await upgrade(store, { logger });
  assert.is(lines.filter((line) => line.includes('become one')).length, 2);
});

test('a backup that is played back over a begun upgrade is converted again from the start', async () => {
  const store = new MemoryStore();
  await load(store, oldData(300), hash(2));
  await survives(upgrade(dyingStore(store, 3, true)));
  assert.match((await store.get('1/Version')).entry?.value ?? '', /^upgrading/);
  await load(store, oldData(300), hash(2));
  await upgrade(store);
  assert.equal(await dump(store), upgradedData(300));
});

test('a write of unknown outcome is looked up, not repeated', async () => {
  const store = new MemoryStore();
  await load(store, oldData(200), hash(0));
  let n = 0;
  const uncertain = new Proxy(store, {
    get: (target, name) => {
      if (name !== 'txn') return Reflect.get(target, name, target).bind(target) as unknown;
      return async (request: Parameters<Store['txn']>[0]) => {
        const lost = n++ % 3;
        if (lost !== 1) await store.txn(request);
        if (lost !== 0) throw fail(storeErrors.WRITE_UNCERTAIN, { store: 'x', reason: 'y' });
        return { succeeded: true, revision: 1 };
      };
    },
  });
  await upgrade(uncertain);
  assert.equal(await dump(store), upgradedData(200));
});

/** Start-up on a store with this version, with what differs from the default. */
function check(version: string, autoUpgrade: boolean): Promise<string> {
  const store = new MemoryStore();
  const options = {
    ...{ store, region: 1, chain: versionChain(), autoUpgrade, force: false, logger: recorder().logger },
    ...{ clock: systemClock, random: seededRandom(1), signal: new AbortController().signal },
  };
  return refusal(store.txn({ ops: [put('1/Version', version)] }).then(() => checkVersion(options)));
}

const OURS =
  "Running version doesn't match the version of etcd, data mode upgrade required: this controller's data is of version 5 (2b79f0b6e402045ee5f68d697b9386ae), ";
const THEIRS = 'f'.repeat(32);

test('each refusal says what to do', async () => {
  assert.is(
    await check(hash(3), false),
    `${OURS}stored data is of version 3 (${hash(3)}); stop all controllers of the region, back up the store, then start one with --auto-upgrade`,
  );
  assert.is(
    await check(THEIRS, false),
    `${OURS}stored data is of version ${THEIRS}, which this controller does not know; start the newer controller that wrote it, or name another --store or --region`,
  );
  assert.is(
    await check(`upgrading ${hash(3)} to ${hash(4)}`, false),
    `${OURS}an upgrade from ${hash(3)} to ${hash(4)} was begun and has not ended; start the controller with --auto-upgrade to finish it`,
  );
  assert.is(
    await check(THEIRS, true),
    `Failed to ugprade data model: fromVersion ${THEIRS} doesn't exist: this controller knows versions up to 5 (${hash(5)}); start the newer controller that wrote the data, or name another --store or --region`,
  );
  assert.match(await check(`upgrading ${hash(4)} to ${THEIRS}`, true), /^Failed to ugprade data model/);
  assert.is(await check(hash(3), true), 'OK');
  assert.is(await check(hash(5), false), 'OK');
  assert.is(await check('', false), 'OK');
});

test('data without a version is taken for current, and that is said', async () => {
  const store = new MemoryStore();
  const { lines, logger } = recorder();
  const start = () =>
    checkVersion({
      ...{ store, region: 1, chain: versionChain(), autoUpgrade: true, force: false, logger },
      ...{ clock: systemClock, random: seededRandom(1), signal: new AbortController().signal },
    });
  await start();
  assert.equal(lines, []);
  await store.txn({ ops: [{ type: 'delete', key: '1/Version' }, put('1/Operator/{}', '{}')] });
  await start();
  assert.is((await store.get('1/Version')).entry?.value, hash(5));
  assert.equal(lines, ['Stored data has no version: taken for current']);
});

test('registered controllers are waited for, then named; force goes on', async () => {
  const key = (addr: string) => `1/Controller/${OBJECTS.Controller.keyJson({ addr })}`;
  const entry = (addr: string) => ({ key: key(addr), value: `{"key":{"addr":"${addr}"}}` });
  const setUp = async () => {
    const store = new MemoryStore();
    await load(store, [...oldData(3), entry('10.0.0.1:55001'), entry('10.0.0.2:55001')], hash(2));
    return store;
  };
  const waiting = async (store: Store, meanwhile: () => Promise<unknown>) => {
    const clock = new ManualClock();
    let outcome: string | undefined;
    const done = refusal(upgrade(store, { clock })).then((text) => {
      outcome = text;
    });
    for (let i = 0; outcome === undefined; i++) {
      if (i === 20) await meanwhile();
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(100);
    }
    await done;
    return outcome;
  };
  const stuck = await setUp();
  assert.is(
    await waiting(stuck, async () => {}),
    'Data upgrade refused: controllers 10.0.0.1:55001, 10.0.0.2:55001 are registered, still after 30 s, and may write data of the old version; stop them and start again, or give --force-upgrade if they do not run',
  );
  assert.is((await stuck.get('1/Version')).entry?.value, hash(2));
  await upgrade(stuck, { force: true });
  assert.is((await stuck.get('1/Version')).entry?.value, hash(5));

  const ending = await setUp();
  const end = () =>
    ending.txn({ ops: ['10.0.0.1:55001', '10.0.0.2:55001'].map((a) => ({ type: 'delete', key: key(a) })) });
  assert.is(await waiting(ending, end), 'OK');
  assert.equal(await dump(ending), upgradedData(3));

  // Another controller, already upgraded, may register while this one waits.
  const upgraded = await setUp();
  assert.is(await waiting(upgraded, () => upgrade(upgraded, { force: true })), 'OK');
});

test('an upgrade ends when the controller stops', async () => {
  const store = new MemoryStore();
  await load(store, oldData(3), hash(2));
  const stop = new AbortController();
  stop.abort(fail(storeErrors.STORE_CLOSED));
  assert.is(await refusal(upgrade(store, { signal: stop.signal })), 'store is closed');
});

test('a controller serves what it has upgraded, byte for byte as it would write it itself', async () => {
  const store = new MemoryStore();
  await load(
    store,
    [
      ...readEntries('AddClusterInstKeyToAppInstKey', 'pre'),
      ...readEntries('AddClusterInstDeploymentField', 'pre'),
    ],
    hash(2),
  );
  const controller = await TestController.start({ store }, { autoUpgrade: true });
  try {
    const { entries } = await store.list('1/AppInst/');
    assert.is(entries.length, 5);
    for (const { key, value } of entries) {
      const object = OBJECTS.AppInst.fromStored(value);
      assert.is(OBJECTS.AppInst.toStored(object), value);
      assert.is(`1/AppInst/${OBJECTS.AppInst.keyJsonOf(object)}`, key);
    }
    const shown = await controller.show('AppInst');
    assert.is(shown.length, 5);
    assert.equal((await controller.show('ClusterInst')).map(({ deployment }) => deployment).sort(), [
      'docker',
      'kubernetes',
      'kubernetes',
    ]);
    const prefixes = shown.flatMap(({ mappedPorts }) => mappedPorts.map(({ fqdnPrefix }) => fqdnPrefix));
    assert.ok(prefixes.includes('someapplication1-udp.'), prefixes.join());
  } finally {
    await controller.stop();
    await store.close();
  }
});

test.run();
