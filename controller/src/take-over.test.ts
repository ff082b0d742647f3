// test: timeout=120s
/**
 * Operations outlive the controller that began them. Two controllers share a store; the agent is connected to the one that
 * survives, and the calls are made at the one that does not.
 */
import { OBJECTS } from '@edgeplane/objects';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import type { ScriptedAgent } from './testing-agent.js';
import { app, appInst, appKey, clusterInst, clusterKey, prepare, SITE } from './testing-data.js';

const S = TrackedState;

interface Context {
  store: MemoryStore;
  /** The first controller's connection to the store; closing it is the end of that controller. */
  handle: MemoryStore;
  first: TestController;
  second: TestController;
  agent: ScriptedAgent;
  /** Calls at the first controller; they end with it. */
  calls: Promise<readonly string[]>[];
}

const tests = suite<Context>('take-over');

tests.before.each(async (context) => {
  context.calls = [];
  context.store = new MemoryStore();
  context.handle = context.store.connect();
  context.second = await TestController.start({ store: context.store });
  context.first = await TestController.start({ store: context.handle });
  context.agent = await context.second.agent();
  await prepare(context.second);
  const known = async () => (await context.first.show('CloudletInfo')).length === 1;
  await context.first.until(known, 'the first controller knows the agent');
});
tests.after.each(async ({ first, second, handle, store, calls }) => {
  await first.stop();
  await Promise.all(calls);
  await second.stop();
  await handle.close();
  await store.close();
});

const cluster = { ...clusterKey(), cloudletKey: SITE };
const instance = { appKey: appKey(), clusterInstKey: cluster };
const auto = { ...clusterKey('autocluster1'), cloudletKey: SITE };
const onAuto = { appKey: appKey(), clusterInstKey: auto };

const stateOf = async (controller: TestController, type: 'ClusterInst' | 'AppInst') =>
  (await controller.show(type))[0]?.state;

/** What is left in the end: states of the instances, refs true, and no operation without an end. */
async function atRest({ second, store }: Context, clusters: number[], apps: number[]): Promise<void> {
  const states = async (type: 'ClusterInst' | 'AppInst') => (await second.show(type)).map((i) => i.state);
  const operations = async () => (await store.list('1/Operation/')).entries;
  await second.until(async () => (await operations()).length === 0, 'no operation is left');
  assert.equal(await states('ClusterInst'), clusters, 'ClusterInsts');
  assert.equal(await states('AppInst'), apps, 'AppInsts');
  const [refs] = await second.show('CloudletRefs');
  assert.equal(refs?.clusters.length ?? 0, clusters.length, 'refs of clusters');
  assert.equal(Object.keys(refs?.rootLbPorts ?? {}).length, apps.length, 'refs of ports');
}

tests('a create that fails after its controller is gone is undone', async (context) => {
  const { first, second, handle, agent } = context;
  agent.clusterInst.create = 'stuck';
  context.calls.push(first.run('create', 'ClusterInst', clusterInst()));
  await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.CREATING, 'creating');
  await handle.close();
  agent.clusterInfos.put({
    ...OBJECTS.ClusterInstInfo.withKey(cluster),
    state: S.CREATE_ERROR,
    errors: ['no luck'],
  });
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'undone');
  await atRest(context, [], []);
});

tests('a create that ends well after its controller is gone stays', async (context) => {
  const { first, second, handle, agent } = context;
  agent.clusterInst.create = 'stuck';
  context.calls.push(first.run('create', 'ClusterInst', clusterInst()));
  await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.CREATING, 'creating');
  await handle.close();
  agent.clusterInfos.put({ ...OBJECTS.ClusterInstInfo.withKey(cluster), state: S.READY });
  await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.READY, 'ready');
  await atRest(context, [S.READY], []);
});

tests('an auto-cluster goes when its controller is gone before the AppInst was stored', async (context) => {
  const { first, second, handle, agent } = context;
  agent.clusterInst.create = 'stuck';
  context.calls.push(first.run('create', 'AppInst', appInst('web', 'autocluster1')));
  await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.CREATING, 'creating');
  await handle.close();
  agent.clusterInfos.put({ ...OBJECTS.ClusterInstInfo.withKey(auto), state: S.READY });
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
  assert.ok(agent.heard.includes(`ClusterInst ${S.DELETE_REQUESTED}`), 'by the agent');
});

tests('an auto-cluster goes when the create on it fails after its controller is gone', async (context) => {
  const { first, second, handle, agent } = context;
  agent.appInst.create = 'stuck';
  context.calls.push(first.run('create', 'AppInst', appInst('web', 'autocluster1')));
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.CREATING, 'creating');
  await handle.close();
  agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(onAuto), state: S.CREATE_ERROR, errors: ['no'] });
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
});

tests('an auto-cluster follows its last AppInst although their controller is gone', async (context) => {
  const { first, second, handle, agent } = context;
  assert.is((await first.run('create', 'AppInst', appInst('web', 'autocluster1'))).at(-1), 'OK');
  agent.appInst.delete = 'stuck';
  context.calls.push(first.run('delete', 'AppInst', appInst('web', 'autocluster1')));
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.DELETING, 'deleting');
  await handle.close();
  agent.appInfos.delete(onAuto);
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
});

tests('a delete that fails after its controller is gone is undone, with all it had', async (context) => {
  const { first, second, handle, agent } = context;
  await first.run('create', 'ClusterInst', clusterInst());
  await first.run('create', 'AppInst', appInst());
  agent.appInst.delete = 'stuck';
  context.calls.push(first.run('delete', 'AppInst', appInst()));
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.DELETING, 'deleting');
  await handle.close();
  agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(instance), state: S.DELETE_ERROR, errors: ['no'] });
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.READY, 'as before');
  await atRest(context, [S.READY], [S.READY]);
});

tests('a delete of a cluster goes on in the middle of its auto-delete AppInsts', async (context) => {
  const { first, second, handle, agent } = context;
  await first.run('create', 'App', app('auto', { delOpt: 1 }));
  await first.run('create', 'ClusterInst', clusterInst());
  await first.run('create', 'AppInst', appInst('auto'));
  agent.appInst.delete = 'stuck';
  context.calls.push(first.run('delete', 'ClusterInst', clusterInst()));
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.DELETING, 'deleting');
  assert.is(await stateOf(second, 'ClusterInst'), S.DELETE_PREPARE);
  await handle.close();
  agent.appInfos.delete({ appKey: appKey('auto'), clusterInstKey: cluster });
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
});

tests(
  'an update that fails after its controller is gone stays in its error, and can be deleted',
  async (context) => {
    const { first, second, handle, agent } = context;
    await first.run('create', 'ClusterInst', clusterInst());
    agent.clusterInst.update = 'stuck';
    context.calls.push(
      first.run('update', 'ClusterInst', clusterInst('c1', { fields: ['14'], numNodes: 2 })),
    );
    await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.UPDATING, 'updating');
    await handle.close();
    agent.clusterInfos.put({
      ...OBJECTS.ClusterInstInfo.withKey(cluster),
      state: S.UPDATE_ERROR,
      errors: ['no'],
    });
    await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.UPDATE_ERROR, 'failed');
    await atRest(context, [S.UPDATE_ERROR], []);
    assert.is((await second.run('delete', 'ClusterInst', clusterInst())).at(-1), 'OK');
  },
);

tests(
  'a controller that stops hands over at once, and tells its caller that the work goes on',
  async (context) => {
    const { first, second, agent } = context;
    agent.clusterInst.create = 'stuck';
    context.calls.push(first.run('create', 'ClusterInst', clusterInst()));
    await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.CREATING, 'creating');
    await first.controller.stop();
    assert.match((await context.calls[0])?.at(-1) ?? '', /the controller is stopping; what it began goes on/);
    agent.clusterInfos.put({
      ...OBJECTS.ClusterInstInfo.withKey(cluster),
      state: S.CREATE_ERROR,
      errors: ['no luck'],
    });
    await second.until(async () => (await second.show('ClusterInst')).length === 0, 'undone');
    await atRest(context, [], []);
  },
);

tests(
  'an owner that is only thought to be gone settles nothing, and its caller hears the outcome',
  async (context) => {
    const { first, second, agent } = context;
    agent.clusterInst.create = 'stuck';
    context.calls.push(first.run('create', 'ClusterInst', clusterInst()));
    await second.until(async () => (await stateOf(second, 'ClusterInst')) === S.CREATING, 'creating');
    const [before] = (await context.store.list('1/Operation/')).entries;
    // As when its lease ran out while it could not reach the store.
    const { owner } = JSON.parse(before?.value ?? '{}') as { owner: string };
    const key = `1/OperationOwner/${JSON.stringify({ id: owner })}`;
    await context.store.txn({ ops: [{ type: 'delete', key }] });
    await second.until(async () => {
      const [now] = (await context.store.list('1/Operation/')).entries;
      return now !== undefined && now.value !== before?.value;
    }, 'taken over');
    agent.clusterInfos.put({
      ...OBJECTS.ClusterInstInfo.withKey(cluster),
      state: S.CREATE_ERROR,
      errors: ['no luck'],
    });
    assert.equal(await context.calls[0], [
      'Creating',
      'CreateError',
      'DELETING ClusterInst due to failures',
      'Encountered failures: no luck',
    ]);
    await second.until(async () => (await second.show('ClusterInst')).length === 0, 'undone');
    await atRest(context, [], []);
  },
);

tests('an auto-cluster that could not go for want of an agent goes when there is one', async (context) => {
  const brief = { create: 1000, update: 1000, delete: 30_000 };
  const third = await TestController.start({ store: context.store, timeouts: brief });
  context.agent.appInst.create = 'silent';
  const call = third.run('create', 'AppInst', appInst('web', 'autocluster1'));
  await third.until(async () => (await stateOf(third, 'AppInst')) === S.CREATE_REQUESTED, 'requested');
  await context.agent.stop();
  assert.match((await call).at(-1) ?? '', /^Timed out; expected state Ready but is CreateRequested/);
  assert.is(await stateOf(third, 'ClusterInst'), S.READY, 'nobody there to delete it');
  await context.second.agent();
  await third.until(async () => (await third.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
  await third.stop();
});

tests(
  'a failed create on an auto-cluster takes it along when nothing else needs it any more',
  async (context) => {
    const { second, agent } = context;
    await second.run('create', 'App', app('other'));
    assert.is((await second.run('create', 'AppInst', appInst('other', 'autocluster1'))).at(-1), 'OK');
    agent.appInst.create = 'stuck';
    const call = second.run('create', 'AppInst', appInst('web', 'autocluster1'));
    const states = async () => (await second.show('AppInst')).map((inst) => inst.state).sort();
    await second.until(async () => (await states()).includes(S.CREATING), 'creating');
    assert.is((await second.run('delete', 'AppInst', appInst('other', 'autocluster1'))).at(-1), 'OK');
    assert.is((await second.show('ClusterInst')).length, 1, 'kept by the one that is being made');
    agent.appInfos.put({ ...OBJECTS.AppInstInfo.withKey(onAuto), state: S.CREATE_ERROR, errors: ['no'] });
    assert.is((await call).at(-1), 'Encountered failures: no');
    await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
    await atRest(context, [], []);
  },
);

tests('instances in between two states without an operation get an owner at a start', async (context) => {
  const { first, second, store, agent } = context;
  await first.run('create', 'AppInst', appInst('web', 'autocluster1'));
  agent.appInst.delete = 'stuck';
  context.calls.push(first.run('delete', 'AppInst', appInst('web', 'autocluster1')));
  await second.until(async () => (await stateOf(second, 'AppInst')) === S.DELETING, 'deleting');
  // As another controller of this family leaves it: it keeps no operations.
  const { entries } = await store.list('1/Operation/');
  await store.txn({ ops: entries.map(({ key }) => ({ type: 'delete' as const, key })) });
  const third = await TestController.start({ store });
  await second.until(async () => (await store.list('1/Operation/')).entries.length > 0, 'adopted');
  agent.appInfos.delete(onAuto);
  await second.until(async () => (await second.show('ClusterInst')).length === 0, 'gone');
  await atRest(context, [], []);
  await third.stop();
});

tests.run();
