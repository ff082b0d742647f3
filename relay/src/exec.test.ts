/** Offers of shells whose way to the agent is lost. */
import { ManualClock } from '@edgeplane/base';
import { appInstKey, until } from '@edgeplane/notify/testing';
import { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExecWays } from './exec-ways.js';
import { TestNet, testAgent, testController, testRelay } from './testing.js';

const offer = (requestId: string, changes: Partial<ExecRequest> = {}): ExecRequest => ({
  ...ExecRequest.decode(Buffer.alloc(0)),
  ...{ requestId, offer: `offer ${requestId}`, appInstKey: appInstKey('a', 'x') },
  ...changes,
});

for (const [maxVersion, cut] of [
  [1, 'lower:1'],
  [2, 'lower:1'],
  [2, 'upper:1'],
] as const)
  test(`version ${maxVersion}, ${cut} is cut: who asked hears of it at once`, async () => {
    const net = new TestNet();
    const c = testController(net, 'c:1');
    const upper = await testRelay(net, 'upper:1', ['c:1']);
    const lower = await testRelay(net, 'lower:1', ['upper:1']);
    const heard: ExecRequest[] = [];
    const agent = testAgent(net, 'x', ['lower:1'], maxVersion, (one) => void heard.push(one));
    await until(() => c.reports.infos.held.size === 1);
    assert.is(c.server.sendMessage('ExecRequest', offer('answered')), 1);
    await until(() => heard.length === 1);
    agent.client.sendMessage('ExecRequest', { ...heard[0], answer: 'yes' });
    await until(() => c.execs.length === 1);
    assert.is(c.server.sendMessage('ExecRequest', offer('lost')), 1);
    await until(() => heard.length === 2);
    net.link(cut).cut();
    await until(() => c.execs.length === 2);
    assert.is(c.execs[1]?.requestId, 'lost');
    assert.is(
      c.execs[1]?.err,
      `relay ${cut} has lost the agent of the Cloudlet, or the way to it, before an answer came`,
    );
    await agent.client.stop();
    for (const relay of [lower, upper]) await relay.stop();
    await c.server.stop();
  });

test('only who was asked and has not replied is missed, and when all of them are gone', () => {
  const ways = new ExecWays(new ManualClock());
  ways.sent(offer('a'), [1n, 2n]);
  ways.sent(offer('b'), [1n]);
  ways.replied(offer('b', { err: 'no' }), 1n);
  assert.equal(ways.gone(1n), [], 'one that is left may answer, and the other has been refused');
  assert.equal(ways.gone(3n), []);
  assert.equal(
    ways.gone(2n).map(({ requestId }) => requestId),
    ['a'],
  );
  ways.sent(offer('c'), [1n, 2n]);
  ways.replied(offer('c', { answer: 'yes' }), 2n);
  assert.equal(ways.gone(1n), []);
  assert.is(ways.size, 0);
});

test('agents of version 1 name the offer only; what nobody waits for any more is forgotten', () => {
  const clock = new ManualClock();
  const ways = new ExecWays(clock);
  const { offer: text } = offer('a');
  ways.sent(offer('', { offer: text }), [1n]);
  ways.replied(offer('', { offer: text, answer: 'yes' }), 1n);
  assert.is(ways.size, 0);
  ways.sent(offer('b'), [1n]);
  clock.advance(10_000);
  assert.equal(ways.gone(1n), []);
  for (let i = 0; i < 3000; i++) ways.sent(offer(`${i}`), [1n]);
  assert.ok(ways.size <= 2000);
  clock.advance(10_000);
  ways.sent(offer('last'), [1n]);
  assert.is(ways.size, 1);
});

test.run();
