// test: timeout=120s
/** A relay between a controller and agents of one process. */
import { silentLogger } from '@edgeplane/base';
import { NotifyClient } from '@edgeplane/notify';
import { appInstKey, cloudletKey, make, until } from '@edgeplane/notify/testing';
import { OBJECTS } from '@edgeplane/objects';
import { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TestNet, testAgent, testController, testRelay } from './testing.js';

const site = (name: string) => OBJECTS.Cloudlet.keyJson(cloudletKey(name));

test('an agent behind two relays gets its view and no more, and is known above as if it were connected there', async () => {
  const net = new TestNet();
  const c = testController(net, 'c:1');
  for (const name of ['x', 'y']) {
    c.tables.cloudlet.put(make.cloudlet(name));
    c.tables.appInst.put(make.appInst('a', name));
  }
  c.tables.app.put(make.app('a'));
  c.tables.app.put(make.app('unused'));
  const upper = await testRelay(net, 'upper:1', ['c:1']);
  const lower = await testRelay(net, 'lower:1', ['upper:1']);
  const agent = testAgent(net, 'x', ['lower:1']);
  await agent.client.when('synced');
  assert.equal([agent.tables.cloudlet.size, agent.tables.appInst.size, agent.tables.app.size], [1, 1, 1]);
  assert.equal(c.server.peers().length, 1, 'one connection at the controller');
  await until(() => c.reports.infos.held.has(site('x')), 'its report is there');
  assert.ok(c.server.peers()[0]?.cloudlets.has(site('x')));
  await until(() => c.reports.nodes.held.size === 3, 'both relays and the agent are Nodes');

  c.tables.appInst.put(make.appInst('a', 'x', 'new'));
  await until(() => [...agent.tables.appInst.values()][0]?.uri === 'new');
  agent.client.sendMessage('Metric', { name: 'm', timestamp: undefined, tags: [], vals: [] });
  await until(() => c.metrics.length === 1, 'a message goes through');

  // What came and went before it could be told is told all the same.
  const key = appInstKey('a', 'x');
  agent.insts.put(OBJECTS.AppInstInfo.withKey(key));
  await until(() => c.reports.insts.held.size === 1);
  agent.insts.delete(key);
  await until(() => c.reports.insts.withdrawn.length === 1);

  await agent.client.stop();
  await until(() => !c.reports.infos.held.has(site('x')), 'it has said farewell');
  assert.equal(c.reports.infos.withdrawn, [], 'that is no withdrawal');
  await until(() => c.server.peers()[0]?.cloudlets.size === 0);
  await lower.stop();
  await upper.stop();
  await c.server.stop();
});

test('what is withdrawn without a link is told when it is back, also if it never was above', async () => {
  const net = new TestNet();
  const c = testController(net, 'c:1');
  const relay = await testRelay(net, 'r:1', ['c:1']);
  const agent = testAgent(net, 'x', ['r:1']);
  await until(() => c.reports.infos.held.has(site('x')));
  const { server } = net.link('c:1');
  net.link('c:1').server = undefined;
  net.link('c:1').cut();
  await until(() => relay.notifyState === 'disconnected');
  const { counters } = relay.server;
  const before = counters.changesReceived;
  agent.insts.put(OBJECTS.AppInstInfo.withKey(appInstKey('a', 'x')));
  await until(() => counters.changesReceived === before + 1);
  agent.insts.delete(appInstKey('a', 'x'));
  await until(() => counters.changesReceived === before + 2);
  net.link('c:1').server = server;
  await until(() => c.reports.insts.withdrawn.length === 1);
  await agent.client.stop();
  await relay.stop();
  await c.server.stop();
});

test('without a link: who is known is served what is here, who is not is sent elsewhere', async () => {
  const net = new TestNet();
  const c = testController(net, 'c:1');
  c.tables.cloudlet.put(make.cloudlet('x'));
  const relay = await testRelay(net, 'r:1', ['c:1']);
  const agent = testAgent(net, 'x', ['r:1']);
  await agent.client.when('synced');
  net.link('c:1').server = undefined;
  net.link('c:1').cut();
  await until(() => relay.notifyState === 'disconnected');
  const { dialled } = net.link('r:1');
  net.link('r:1').cut();
  await until(() => net.link('r:1').dialled > dialled);
  await agent.client.when('synced');
  assert.is(agent.tables.cloudlet.size, 1);
  const other = testAgent(net, 'y', ['r:1']);
  await other.client.when('connected');
  assert.is(other.client.state, 'connected', 'it is not told that there is nothing');
  net.link('c:1').server = c.server;
  await other.client.when('synced');
  for (const { client } of [agent, other]) await client.stop();
  await relay.stop();
  await c.server.stop();
});

test('an unchanged agent that comes back, here or by another relay, costs less than 2 kB', async () => {
  const net = new TestNet();
  const c = testController(net, 'c:1');
  for (let i = 0; i < 2000; i++) c.tables.flavor.put(make.flavor(`flavor-${i}`));
  const relays = await Promise.all(['r1:1', 'r2:1'].map((name) => testRelay(net, name, ['c:1'])));
  const agent = testAgent(net, 'x', ['r1:1', 'r2:1']);
  await agent.client.when('synced');
  assert.is(agent.tables.flavor.size, 2000);
  const { changesReceived } = agent.client.counters;
  for (let turn = 0; turn < 3; turn++) {
    const dialled = net.link('r1:1').dialled + net.link('r2:1').dialled;
    const used = [net.link('r1:1'), net.link('r2:1')].map((link) => link.dialled);
    for (const link of ['r1:1', 'r2:1']) net.link(link).cut();
    await until(() => net.link('r1:1').dialled + net.link('r2:1').dialled > dialled);
    await agent.client.when('synced');
    const link = net.link('r1:1').dialled > (used[0] ?? 0) ? net.link('r1:1') : net.link('r2:1');
    const bytes = [...link.last.up, ...link.last.down].reduce((sum, frame) => sum + frame.length, 0);
    assert.ok(bytes < 2000, `${bytes} bytes`);
  }
  assert.is(agent.client.counters.changesReceived, changesReceived, 'nothing was sent again');
  await agent.client.stop();
  for (const relay of relays) await relay.stop();
  await c.server.stop();
});

test('a match engine below gets all Apps and AppInsts, and they are let go with it', async () => {
  const net = new TestNet();
  const c = testController(net, 'c:1');
  c.tables.app.put(make.app('a'));
  for (const name of ['x', 'y']) c.tables.appInst.put(make.appInst('a', name));
  c.tables.clusterInst.put(make.clusterInst('x'));
  for (const maxVersion of [1, 2]) {
    const relay = await testRelay(net, `r${maxVersion}:1`, ['c:1']);
    const all = testController(new TestNet(), 'unused').tables;
    const dme = new NotifyClient({
      addrs: [`r${maxVersion}:1`],
      filterCloudletKey: false,
      sources: [],
      receivers: [all.app, all.appInst] as readonly unknown[] as never,
      messageReceivers: [],
      dial: net.dial,
      logger: silentLogger,
      maxVersion,
    });
    dme.start();
    await dme.when('synced');
    assert.equal([all.app.size, all.appInst.size], [1, 2]);
    await dme.stop();
    const agent = testAgent(net, 'x', [`r${maxVersion}:1`], maxVersion);
    await until(() => agent.tables.appInst.size === 1 && agent.tables.clusterInst.size === 1);
    await agent.client.stop();
    await relay.stop();
  }
  await c.server.stop();
});

test('a relay that would be its own ancestor is refused, with the reason', async () => {
  const net = new TestNet();
  const one = await testRelay(net, 'one:1', ['two:1']);
  const two = await testRelay(net, 'two:1', ['one:1']);
  const said = () =>
    ['one:1', 'two:1'].flatMap((name) =>
      net.link(name).last.down.map((bytes) => Notice.decode(bytes).drain?.reason ?? ''),
    );
  await until(() => said().some((reason) => reason.includes('would be its own ancestor')));
  assert.equal([one.notifyState, two.notifyState], ['disconnected', 'disconnected']);
  await Promise.all([one.stop(), two.stop()]);
});

test.run();
