/** What a match engine does about too many calls. */
import { type EdgeplaneError, ManualClock } from '@edgeplane/base';
import { FindCloudletRequest } from '@edgeplane/proto/dme/app-client.js';
import { callUnary } from '@edgeplane/rpc';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { APPS } from '../fixtures.js';
import { EMPTY_LOC } from '../place.js';
import { TestDme, TestWorld } from '../testing.js';
import { Bounded } from './bounded.js';
import { Bucket, PeerBuckets, peerName } from './buckets.js';
import { Gate, type GateLimits } from './gate.js';
import { Turns } from './turns.js';

const NONE: GateLimits = { peerRate: undefined, rate: undefined, badRate: undefined, shedLagMs: 0 };
const A = { peer: '10.0.0.1:1000' };
const B = { peer: '10.0.0.2:1000' };

async function code(refusal: Promise<never> | undefined): Promise<string> {
  return refusal ? refusal.catch((error: EdgeplaneError) => error.code) : 'passed';
}

test('in any span no more pass than the rate and the burst allow, and as many as that', () => {
  const pauses = fc.array(fc.nat(400), { minLength: 1, maxLength: 200 });
  const rate = fc.record({
    perSecond: fc.integer({ min: 1, max: 50 }),
    burst: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(rate, pauses, ({ perSecond, burst }, waits) => {
      const bucket = new Bucket({ perSecond, burst }, 0);
      let now = 0;
      let passed = 0;
      for (const wait of waits) {
        now += wait;
        if (bucket.take(now)) passed += 1;
        assert.ok(passed <= burst + (now * perSecond) / 1000);
      }
      assert.ok(passed >= Math.min(waits.length, burst));
    }),
  );
});

test('a peer is an IPv4 address, or half of an IPv6 one; the table is bounded', () => {
  assert.is(peerName('10.0.0.1'), '10.0.0.1');
  assert.is(peerName('2001:db8::1'), peerName('2001:DB8:0:0:ffff::2'));
  assert.is.not(peerName('2001:db8::1'), peerName('2001:db8:0:1::1'));
  assert.is(peerName('::1'), '0:0:0:0::/64');
  const buckets = new PeerBuckets({ perSecond: 1, burst: 1 });
  for (let i = 0; i < 60_000; i++) assert.ok(buckets.take(`peer ${i}`, 0));
  assert.not.ok(buckets.take('peer 59999', 0));
});

test('the rate of one peer is no business of another, and takes nothing of what all share', async () => {
  const clock = new ManualClock();
  const limits = { ...NONE, peerRate: { perSecond: 1, burst: 2 }, rate: { perSecond: 1, burst: 5 } };
  const gate = new Gate(limits, clock);
  const outcomes: Promise<string>[] = [];
  for (let i = 0; i < 10; i++) outcomes.push(code(gate.refusal(A, clock.monotonic())));
  for (let i = 0; i < 2; i++) outcomes.push(code(gate.refusal(B, clock.monotonic())));
  for (let i = 0; i < 3; i++) outcomes.push(code(gate.refusal({ peer: `10.0.1.${i}:1` }, clock.monotonic())));
  assert.is(gate.held, 10);
  clock.advance(250);
  const codes = await Promise.all(outcomes);
  assert.equal(codes.slice(0, 10), ['passed', 'passed', ...Array(8).fill('TOO_MANY_CALLS_OF_PEER')]);
  assert.equal(codes.slice(10), ['passed', 'passed', 'passed', 'TOO_MANY_CALLS', 'TOO_MANY_CALLS']);
  assert.equal(gate.counts, { peer: 8, all: 2, bad: 0, lag: 0 });
  assert.is(gate.held, 0);
});

test('bad cookies are told what is wrong until there are too many', async () => {
  const clock = new ManualClock();
  const gate = new Gate({ ...NONE, badRate: { perSecond: 1, burst: 3 } }, clock);
  const outcomes = Array.from({ length: 5 }, () =>
    gate.bad(new Error('signature is invalid'), A).catch((error: Error) => error.message),
  );
  assert.is(gate.refusal(A, clock.monotonic()), undefined);
  await Promise.resolve();
  clock.advance(250);
  const messages = await Promise.all(outcomes);
  assert.equal(messages.slice(0, 3), Array(3).fill('signature is invalid'));
  assert.match(messages[4] ?? '', /^too many bad cookies/);
});

test('calls that waited too long for their turn are shed; the next turn begins anew', async () => {
  const clock = new ManualClock();
  const ends: (() => void)[] = [];
  const gate = new Gate({ ...NONE, shedLagMs: 100 }, clock, new Turns(clock, (fn) => void ends.push(fn)));
  /** Handles calls that take 10 ms each in one turn; which of them passed. */
  const turn = (calls: number) => {
    const passed = Array.from({ length: calls }, () => {
      const refusal = gate.refusal(A, clock.monotonic());
      refusal?.catch(() => undefined);
      if (!refusal) clock.advance(10);
      return !refusal;
    });
    for (const end of ends.splice(0)) end();
    return passed.filter(Boolean).length;
  };
  assert.equal([turn(5), turn(11), turn(30), turn(30), turn(1)], [5, 11, 11, 11, 1]);
  assert.is(gate.counts.lag, 38);
  assert.is(gate.lagMs, 10);
  assert.is(turn(12), 11);
});

test('bounded work refuses what is too much, and goes on after failures', async () => {
  const bounded = new Bounded(2, 'token checks');
  const ends: (() => void)[] = [];
  const work = () => bounded.run(() => new Promise<void>((resolve) => ends.push(resolve)));
  const [first, second] = [work(), work()];
  const refused = await work().catch((error: EdgeplaneError) => error.message);
  assert.is(refused, 'more than 2 token checks at a time: try again later');
  for (const end of ends) end();
  await Promise.all([first, second]);
  await bounded.run(() => Promise.reject(new Error('x'))).catch(() => undefined);
  await bounded.run(async () => undefined);
});

function finder(dme: TestDme, sessionCookie: string) {
  const gpsLocation = { ...EMPTY_LOC, latitude: 50, longitude: 7 };
  const request = {
    ...FindCloudletRequest.decode(new Uint8Array()),
    sessionCookie,
    carrierName: 'GDDT',
    gpsLocation,
  };
  return () =>
    callUnary(dme.client, 'findCloudlet', request).then(
      () => 'found',
      (error: EdgeplaneError) => `${error.status} ${error.message}`,
    );
}

test('a match engine keeps to its rates, over gRPC and REST', async () => {
  const world = new TestWorld();
  try {
    const dme = await world.start(['--peerRate', '0.5', '--rate', '1000']);
    const find = finder(dme, await dme.cookie(APPS.untomt));
    const outcomes = await Promise.all(Array.from({ length: 20 }, find));
    const text = 'RESOURCE_EXHAUSTED more than 0.5 calls per second come from your address: try again later';
    assert.equal([...new Set(outcomes)].sort(), [text, 'found']);
    assert.is(outcomes.filter((outcome) => outcome === 'found').length, 4);
    const answer = await dme.http('/v1/findcloudlet', {});
    assert.is(answer.status, 429);
    assert.match(answer.body, '"code": 8');
  } finally {
    await world.stop();
  }
});

test('bad cookies of one address are throttled, good ones of it are not', async () => {
  const world = new TestWorld();
  try {
    const dme = await world.start(['--badRate', '1']);
    const [good, bad] = [finder(dme, await dme.cookie(APPS.untomt)), finder(dme, 'a.b.c')];
    const outcomes = await Promise.all(Array.from({ length: 50 }, bad));
    assert.is(
      outcomes.filter((outcome) => outcome.startsWith('UNAUTHENTICATED token is malformed')).length,
      4,
    );
    assert.is(outcomes.filter((outcome) => outcome.startsWith('RESOURCE_EXHAUSTED too many bad')).length, 46);
    assert.is(await good(), 'found');
  } finally {
    await world.stop();
  }
});

test('connections of one address are bounded; those that are there go on', async () => {
  const world = new TestWorld();
  try {
    const dme = await world.start(['--maxConnectionsPerPeer', '2', '--httpAddr', '']);
    const find = finder(dme, await dme.cookie(APPS.untomt));
    const others = [1, 2].map(() => new TestDme(dme.dme));
    const second = await others[0]?.cookie(APPS.untomt);
    assert.ok(second);
    const third = await others[1]?.cookie(APPS.untomt).catch((error: EdgeplaneError) => error.status);
    assert.is(third, 'UNAVAILABLE');
    assert.is(await find(), 'found');
    for (const { client } of others) client.close();
  } finally {
    await world.stop();
  }
});

test('requests are bounded', async () => {
  const world = new TestWorld();
  try {
    const dme = await world.start();
    const large = await dme
      .register(APPS.untomt, { authToken: 'x'.repeat(70_000) })
      .then(() => 'taken')
      .catch((error: EdgeplaneError) => error.status);
    assert.is(large, 'RESOURCE_EXHAUSTED');
    assert.ok(await dme.cookie(APPS.untomt));
  } finally {
    await world.stop();
  }
});

test.run();
