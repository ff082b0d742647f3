/** Sessions of one agent at two controllers: what the older one reported must not be stored after the newer one's. */
import { type Deferred, deferred, ManualClock } from '@edgeplane/base';
import type { PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { MemoryStore, type Store, type TxnRequest } from '@edgeplane/store';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Fence } from './notify/fence.js';
import { TestController } from './testing.js';
import { clusterInst, prepare, SITE } from './testing-data.js';

const { CLOUDLET_STATE_READY: READY, CLOUDLET_STATE_OFFLINE: OFFLINE } = CloudletState;
const { READY: INST_READY, UPDATE_REQUESTED: INST_UPDATE_REQUESTED } = TrackedState;
const KEY = { clusterKey: { name: 'c1' }, cloudletKey: SITE, developer: 'dev' };
const CLOUDLET = OBJECTS.CloudletInfo.keyJson(SITE);

/** A way to the store on which writes can be held up. */
class SlowWay {
  readonly store: Store;
  #holds: (request: TxnRequest) => boolean = () => false;
  readonly #held: { readonly go: Deferred<void>; readonly done: Promise<unknown> }[] = [];

  constructor(store: Store) {
    this.store = new Proxy(store, {
      get: (target, name) => {
        if (name === 'txn') return (request: TxnRequest) => this.#txn(target, request);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  get held(): number {
    return this.#held.length;
  }

  hold(holds: (request: TxnRequest) => boolean): void {
    this.#holds = holds;
  }

  /** Lets go what is held up; resolves when it has been answered. */
  async release(): Promise<void> {
    this.#holds = () => false;
    const held = this.#held.splice(0);
    for (const { go } of held) go.resolve();
    await Promise.allSettled(held.map(({ done }) => done));
  }

  #txn(target: Store, request: TxnRequest) {
    if (!this.#holds(request)) return target.txn(request);
    const go = deferred<void>();
    const done = go.promise.then(() => target.txn(request));
    this.#held.push({ go, done });
    return done;
  }
}

const writes =
  (type: string, text = '') =>
  (request: TxnRequest) =>
    request.ops.some(
      (op) => op.key.includes(`/${type}/`) && (op.type === 'put' ? op.value : '').includes(text),
    );

async function twoControllers() {
  const store = new MemoryStore();
  const slow = new SlowWay(store.connect());
  const first = await TestController.start({ store: slow.store });
  const second = await TestController.start({ store: store.connect() });
  return {
    ...{ store, slow, first, second },
    info: async () => (await second.show('CloudletInfo'))[0],
    /** What the first controller was about to do when it could, it has done. */
    async settled(name: string) {
      await first.run('create', 'Operator', { key: { name } });
    },
    async stop() {
      await slow.release();
      await first.stop();
      await second.stop();
      await store.close();
    },
  };
}

/** A test on two controllers, which stop however it ends. */
function onTwo(run: (t: Awaited<ReturnType<typeof twoControllers>>) => Promise<void>) {
  return async () => {
    const t = await twoControllers();
    try {
      await run(t);
    } finally {
      await t.stop();
    }
  };
}

for (const maxVersion of [1, 2]) {
  test(
    `version ${maxVersion}: a late report does not take a site back`,
    onTwo(async (t) => {
      const old = await t.first.agent('op', 'site', { maxVersion });
      t.slow.hold(writes('CloudletInfo'));
      old.info.put({ ...OBJECTS.CloudletInfo.withKey(SITE), state: READY, osMaxRam: 5n });
      await t.first.until(async () => t.slow.held > 0, 'the report is on its way');
      await t.second.agent('op', 'site', { maxVersion });
      await t.second.until(
        async () => (await t.info())?.controller.endsWith(t.second.api) ?? false,
        'taken over',
      );
      await t.slow.release();
      await t.settled('later');
      const { controller = '', osMaxRam } = (await t.info()) ?? {};
      assert.ok(controller.endsWith(t.second.api), controller);
      assert.is(osMaxRam, 0n);
    }),
  );

  test(
    `version ${maxVersion}: not even with the first report of its session`,
    onTwo(async (t) => {
      t.slow.hold(writes('CloudletInfo'));
      const connecting = t.first.agent('op', 'site', { maxVersion });
      await t.first.until(async () => t.slow.held > 0, 'the report is on its way');
      // Numbers of sessions, and times, are in milliseconds.
      await new Promise((resolve) => setTimeout(resolve, 5));
      await t.second.agent('op', 'site', { maxVersion });
      await connecting;
      await t.slow.release();
      await t.settled('later');
      assert.ok((await t.info())?.controller.endsWith(t.second.api));
    }),
  );

  test(
    `version ${maxVersion}: a late report of an instance does not move it`,
    onTwo(async (t) => {
      await prepare(t.second);
      const old = await t.first.agent('op', 'site', { maxVersion });
      t.slow.hold(writes('ClusterInst', `"state":"Ready"`));
      const creating = t.second.run('create', 'ClusterInst', clusterInst('c1', { numNodes: 1 }));
      await t.first.until(async () => t.slow.held > 0, 'the report is on its way');
      const agent = await t.second.agent('op', 'site', { maxVersion });
      await t.second.until(
        async () => (await t.info())?.controller.endsWith(t.second.api) ?? false,
        'taken over',
      );
      const report = (state: TrackedState) =>
        agent.clusterInfos.put({ ...OBJECTS.ClusterInstInfo.withKey(KEY), state });
      report(INST_READY);
      assert.is((await creating).at(-1), 'OK');
      agent.clusterInst.update = 'silent';
      const updating = t.second.run('update', 'ClusterInst', {
        ...clusterInst('c1', { numNodes: 2 }),
        fields: ['14'],
      });
      const state = async () => (await t.second.show('ClusterInst'))[0]?.state;
      await t.second.until(async () => (await state()) === INST_UPDATE_REQUESTED, 'an update is wanted');
      await t.slow.release();
      await t.settled('later');
      assert.is(await state(), INST_UPDATE_REQUESTED);
      assert.is(old.clusterInst.update, 'ok');
      report(INST_READY);
      assert.is((await updating).at(-1), 'OK');
    }),
  );
}

test(
  'an older session has the site, and is believed of its instances, when the newer one is gone',
  onTwo(async (t) => {
    await prepare(t.second);
    const old = await t.first.agent();
    const agent = await t.second.agent();
    await t.second.until(
      async () => (await t.info())?.controller.endsWith(t.second.api) ?? false,
      'taken over',
    );
    agent.clusterInst.create = 'silent';
    old.clusterInst.create = 'ok';
    const creating = t.second.run('create', 'ClusterInst', clusterInst());
    await t.first.until(
      async () => old.heard.includes(`ClusterInst ${TrackedState.CREATE_REQUESTED}`),
      'the older one has begun',
    );
    await agent.stop();
    assert.is((await creating).at(-1), 'OK');
    assert.ok((await t.info())?.controller.endsWith(t.first.api));
  }),
);

const stored = (fields: Partial<CloudletInfo>): CloudletInfo => ({
  ...OBJECTS.CloudletInfo.withKey(SITE),
  state: READY,
  ...fields,
});
const peer = (id: bigint, session?: number): PeerInfo => ({
  ...{ id, address: '', wantObjs: [], filterCloudletKey: true, version: 2, cloudlets: new Set() },
  ...(session && { session }),
});

function fence(known?: ReturnType<typeof stored>) {
  const clock = new ManualClock(1000);
  const speakers = { isHeard: () => true };
  return { clock, fence: new Fence({ speakers, known: () => known, controllerId: () => 'here', clock }) };
}

test('sessions that an agent numbers are ordered by that, whatever the clocks of controllers say', () => {
  const other = stored({ controller: 'there', session: 20n, claim: 5000n });
  const { fence: f } = fence(other);
  for (const [session, newer] of [
    [19, false],
    [21, true],
  ] as const) {
    f.enter(CLOUDLET, peer(BigInt(session), session));
    assert.is(f.hears(CLOUDLET, peer(BigInt(session), session), other), newer);
    assert.is(f.claim(CLOUDLET, peer(BigInt(session), session), other), newer ? 5001n : undefined);
  }
});

test('others follow what their controller knew, else the clock decides', () => {
  const before = stored({ controller: 'there', claim: 5000n });
  const { fence: f, clock } = fence(before);
  f.enter(CLOUDLET, peer(1n));
  assert.is(f.claim(CLOUDLET, peer(1n), before), 5001n, 'it follows');
  const meanwhile = stored({ controller: 'there', claim: 5002n });
  assert.is(f.claim(CLOUDLET, peer(1n), meanwhile), undefined, 'another came later');
  clock.advance(9000);
  f.enter(CLOUDLET, peer(2n));
  assert.is(f.claim(CLOUDLET, peer(2n), meanwhile), 10_000n, 'it came later yet');
  assert.is(f.claim(CLOUDLET, peer(1n), { ...meanwhile, state: OFFLINE }), 5003n, 'nobody has it');
  assert.is(f.claim(CLOUDLET, peer(1n), undefined), 1000n);
});

test('who was not heard once is not until it has the site; what it said then is done', async () => {
  const { fence: f } = fence();
  const old = peer(1n, 10);
  f.enter(CLOUDLET, old);
  assert.not.ok(f.hears(CLOUDLET, old, stored({ controller: 'there', session: 11n })));
  const done: string[] = [];
  const work = (name: string) => async () => void done.push(name);
  f.whenHeard(CLOUDLET, old, 'a', work('first'));
  f.whenHeard(CLOUDLET, old, 'b', work('other'));
  f.whenHeard(CLOUDLET, old, 'a', work('second'));
  assert.not.ok(f.hears(CLOUDLET, old, undefined), 'what it said before comes first');
  await f.claimed(CLOUDLET, old, 12n);
  assert.equal(done, ['second', 'other']);
  assert.ok(f.hears(CLOUDLET, old, undefined));
  f.leave(old);
  f.enter(CLOUDLET, old);
  await f.claimed(CLOUDLET, old, 13n);
  assert.is(done.length, 2);
});

test.run();
