/** Events of a controller, on the bus within its process, as a client of the API hears them. */
import { MemoryHub } from '@edgeplane/bus';
import { type Event, EventApiClient, type EventNotice } from '@edgeplane/proto/edgeplane/bus.js';
import { callStream } from '@edgeplane/rpc';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from '../testing.js';
import { clusterInst, prepare } from '../testing-data.js';

interface Context {
  hub: MemoryHub;
  store: MemoryStore;
  controllers: TestController[];
}

const events = suite<Context>('events');

events.before.each(async (context) => {
  context.hub = new MemoryHub();
  context.store = new MemoryStore();
  context.controllers = [];
});

events.after.each(async ({ controllers, store }) => {
  for (const controller of controllers) await controller.stop();
  await store.close();
});

async function start({ hub, store, controllers }: Context): Promise<TestController> {
  const controller = await TestController.start({ store, bus: hub.connect() });
  controllers.push(controller);
  return controller;
}

/** Notices until `enough`; then the call is left. */
async function follow(
  controller: TestController,
  query: { subject?: string; from?: string },
  enough: (notices: readonly EventNotice[]) => boolean,
): Promise<EventNotice[]> {
  const client = controller.client(EventApiClient);
  const notices: EventNotice[] = [];
  const request = { subject: query.subject ?? '', from: query.from ?? 'oldest' };
  for await (const notice of callStream(client, 'showEvents', request, { deadlineMs: 30_000 })) {
    notices.push(notice);
    if (enough(notices)) break;
  }
  return notices;
}

const eventsOf = (notices: readonly EventNotice[]): Event[] =>
  notices.flatMap(({ event }) => (event ? [event] : []));
const steps = (notices: readonly EventNotice[], type: string) =>
  eventsOf(notices).flatMap(({ state }) => (state?.type === type ? [`${state.from} ${state.to}`] : []));
const lastIs = (to: string, type: string) => (notices: readonly EventNotice[]) => {
  const { state } = eventsOf(notices).at(-1) ?? {};
  return state?.to === to && state.type === type;
};

const MADE = [
  'NotPresent CreateRequested',
  'CreateRequested Creating',
  'Creating Ready',
  'Ready DeletePrepare',
];

events(
  'every change of state of an instance is one event, in order, though two controllers see it',
  async (context) => {
    const one = await start(context);
    const two = await start(context);
    await one.agent();
    await prepare(one);
    await two.run('create', 'ClusterInst', clusterInst());
    await one.run('delete', 'ClusterInst', clusterInst());
    const notices = await follow(one, { subject: 'state.>' }, lastIs('NotPresent', 'ClusterInst'));
    const seen = steps(notices, 'ClusterInst');
    assert.equal(seen.slice(0, 3), MADE.slice(0, 3));
    for (let i = 1; i < seen.length; i++) {
      assert.is(seen[i]?.split(' ')[0], seen[i - 1]?.split(' ')[1], 'each begins where the last one ended');
    }
    assert.is(seen.at(-1)?.split(' ')[1], 'NotPresent');
    assert.equal(steps(notices, 'Controller'), ['Absent Present', 'Absent Present']);
    assert.equal(steps(notices, 'Cloudlet'), ['Absent Present']);
    assert.is(steps(notices, 'CloudletInfo').at(-1)?.split(' ')[1], 'CloudletStateReady');
    const all = eventsOf(notices);
    assert.is(new Set(all.map(({ id }) => id)).size, all.length, 'ids differ');
    const of = all.find(({ state }) => state?.type === 'ClusterInst');
    assert.is(of?.version, 1);
    assert.is(of?.region, 1);
    assert.match(of?.state?.key ?? '', '"cluster_key":{"name":"c1"}');
  },
);

events('reading goes on after a position, and a mark tells how far it is', async (context) => {
  const controller = await start(context);
  await controller.agent();
  await prepare(controller);
  await controller.run('create', 'ClusterInst', clusterInst());
  const all = await follow(controller, { subject: 'state.ClusterInst.*' }, lastIs('Ready', 'ClusterInst'));
  assert.equal([all[0]?.event, all[0]?.gap], [undefined, ''], 'a mark comes first');
  const first = all.find(({ event }) => event);
  const rest = await follow(
    controller,
    { subject: 'state.ClusterInst.*', from: first?.position ?? '' },
    lastIs('Ready', 'ClusterInst'),
  );
  assert.equal(steps(rest, 'ClusterInst'), steps(all, 'ClusterInst').slice(1));
});

events('a controller goes on without its bus, and tells what it can when it is back', async (context) => {
  const controller = await start(context);
  await controller.agent();
  await prepare(controller);
  context.hub.setDown(true);
  assert.is((await controller.run('create', 'ClusterInst', clusterInst())).at(-1), 'OK');
  context.hub.setDown(false);
  const notices = await follow(
    controller,
    { subject: 'state.ClusterInst.*' },
    lastIs('Ready', 'ClusterInst'),
  );
  assert.equal(steps(notices, 'ClusterInst'), MADE.slice(0, 3));
});

events('a bad subject or position is refused', async (context) => {
  const controller = await start(context);
  for (const query of [{ subject: 'a b' }, { from: 'yesterday' }]) {
    const error = await follow(controller, query, () => true).catch((e: unknown) => e);
    assert.is((error as { status?: string }).status, 'INVALID_ARGUMENT', String(error));
  }
});

events(
  'a call is audited at its start and its end, without its secrets; Show calls are not',
  async (context) => {
    const controller = await start(context);
    const developer = { key: { name: 'dev' }, username: 'u', passhash: 'very-secret-hash' };
    await controller.run('create', 'Developer', developer);
    await controller.run('create', 'Developer', developer);
    await controller.show('Developer');
    const notices = await follow(
      controller,
      { subject: 'audit.>' },
      (all) => eventsOf(all).filter(({ audit }) => audit?.phase === 'end').length === 2,
    );
    const records = eventsOf(notices).map(({ audit }) => audit);
    assert.equal(
      records.map((r) => [r?.call, r?.phase, r?.cmd, r?.user, r?.result, r?.code]),
      [
        [1n, 'start', 'CreateDeveloper', 'notyet', '', ''],
        [1n, 'end', 'CreateDeveloper', 'notyet', 'success', ''],
        [2n, 'start', 'CreateDeveloper', 'notyet', '', ''],
        [2n, 'end', 'CreateDeveloper', 'notyet', 'failure', 'KEY_EXISTS'],
      ],
    );
    assert.match(records[0]?.client ?? '', /^127\.0\.0\.1:\d+$/);
    assert.equal(JSON.parse(records[0]?.request ?? ''), {
      key: { name: 'dev' },
      username: 'u',
      passhash: '[hidden]',
    });
    assert.not.match(records[3]?.error ?? '', 'very-secret');
    assert.ok(records[3]?.error);
  },
);

events.run();
