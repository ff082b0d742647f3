/** Revisions that a client has seen and a relay has not: has the store lost them, or are those above only behind? */
import { ManualClock, silentLogger } from '@edgeplane/base';
import type { CatchUp } from '@edgeplane/notify';
import { make, until } from '@edgeplane/notify/testing';
import { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Demand } from './demand.js';
import { Family } from './family.js';
import { Links } from './links.js';
import { ReportBook } from './report-book.js';
import { StoreQuestions } from './store-questions.js';
import { TestNet, testAgent, testController, testRelay } from './testing.js';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A relay at revision 5 that is asked for 10. */
function relayAt5() {
  const clock = new ManualClock();
  const demand = new Demand();
  let revision = 5;
  let connected = true;
  const links = new Links({
    ...{ demand, clock, logger: silentLogger, family: new Family('r', clock) },
    book: new ReportBook(() => undefined),
    tables: [{ type: { fullName: 't' }, revision: () => revision, rewind: () => assert.unreachable() }],
    sendAway: () => undefined,
    connected: () => connected,
    peers: () => [],
  });
  const asked: number[] = [];
  links.downstream.onAsksStore((question) => asked.push(question));
  demand.onChange((_add, _remove, number) => demand.inStep(number));
  let outcome: CatchUp | undefined;
  void links.time.catchUp?.(10).then((result) => {
    outcome = result;
  });
  return {
    ...{ clock, asked, links },
    outcome: () => outcome,
    reach(to: number) {
      revision = to;
    },
    cut() {
      connected = false;
    },
    async pass(ms: number) {
      for (let left = ms; left > 0; left -= 250) {
        await settled();
        clock.advance(250);
      }
      await settled();
    },
  };
}

test('it goes back when those above say that the store did, and at once', async () => {
  const t = relayAt5();
  t.links.downstream.storeIs(t.asked[0] ?? 0, 9);
  await t.pass(250);
  assert.is(t.outcome(), 'rewound');
});

test('it is behind when the store has the revision, and when nobody says so', async () => {
  for (const answer of [10, undefined]) {
    const t = relayAt5();
    if (answer !== undefined) t.links.downstream.storeIs(t.asked[0] ?? 0, answer);
    await t.pass(4750);
    assert.is(t.outcome(), undefined);
    await t.pass(500);
    assert.is(t.outcome(), 'behind');
  }
});

test('it is behind when its link goes, and has reached what comes in time', async () => {
  const lost = relayAt5();
  lost.cut();
  await lost.pass(500);
  assert.is(lost.outcome(), 'behind');
  const slow = relayAt5();
  await slow.pass(2000);
  slow.reach(10);
  await slow.pass(500);
  assert.is(slow.outcome(), 'reached');
});

test('an answer is never older than its question; questions are shared, and asked again of the next link', async () => {
  const questions = new StoreQuestions();
  const asked: number[] = [];
  const end = questions.onAsk((question) => asked.push(question));
  const { signal } = new AbortController();
  const answers: string[] = [];
  const ask = (name: string) =>
    void questions.ask(signal).then((revision) => answers.push(`${name} ${revision}`));
  ask('a');
  ask('b');
  ask('c');
  assert.equal(asked, [1]);
  end();
  questions.onAsk((question) => asked.push(question));
  assert.equal(asked, [1, 1]);
  questions.answered(7, 99);
  questions.answered(1, 5);
  questions.answered(1, 6);
  questions.answered(2, 7);
  await settled();
  assert.equal(answers, ['a 5', 'b 7', 'c 7']);
  assert.equal(asked, [1, 1, 2]);
  const given = new AbortController();
  const waiting = questions.ask(given.signal);
  given.abort(new Error('given up'));
  await waiting.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'given up'),
  );
});

/** An agent that has seen revision 20 comes to two relays above which a controller is at 1; what it is told. */
async function moved(stored: number) {
  const net = new TestNet();
  const ahead = testController(net, 'ahead:1');
  for (let i = 0; i < 20; i++) ahead.tables.flavor.put(make.flavor('f', BigInt(i)));
  const behind = testController(net, 'behind:1', undefined, undefined, {
    storedRevision: async () => stored,
    catchUp: async (revision) => (stored < revision ? 'rewound' : 'behind'),
  });
  behind.tables.flavor.put(make.flavor('f', 77n));
  const upper = await testRelay(net, 'upper:1', ['behind:1']);
  const lower = await testRelay(net, 'lower:1', ['upper:1']);
  const agent = testAgent(net, 'x', ['ahead:1', 'lower:1']);
  await agent.client.when('synced');
  net.link('ahead:1').server = undefined;
  net.link('ahead:1').cut();
  const ram = () => [...agent.tables.flavor.values()][0]?.ram;
  const refused = () =>
    net
      .link('lower:1')
      .last.down.some((bytes) => /has not reached/.test(Notice.decode(bytes).drain?.reason ?? ''));
  await until(() => ram() === 77n || (net.link('lower:1').dialled > 0 && refused()));
  const told = ram() === 77n ? 'the older state' : 'to go elsewhere';
  await agent.client.stop();
  for (const relay of [lower, upper]) await relay.stop();
  for (const { server } of [ahead, behind]) await server.stop();
  return told;
}

test('below two relays: a store that went back is followed, a controller that is behind is not', async () => {
  assert.is(await moved(1), 'the older state');
  assert.is(await moved(20), 'to go elsewhere');
});

test.run();
