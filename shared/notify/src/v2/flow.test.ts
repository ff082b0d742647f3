/** Windows, turns, tombstones and bells. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AppPlaces } from './app-places.js';
import { Bell } from './bell.js';
import { Digest, fingerprint } from './digest.js';
import { planOf } from './plan.js';
import { SyncTurns } from './sync-turns.js';
import { Tombstones } from './tombstones.js';
import { Window } from './window.js';

test('a window closes at so many frames or bytes, and opens with cumulative acks', () => {
  const window = new Window<string>(3, 100);
  window.sent(10, 1, 'one');
  window.sent(90, 2, 'two');
  assert.equal([window.isOpen, window.oldestSince, window.find(2)], [false, 1, 'two']);
  assert.ok(window.ack(1));
  assert.equal([window.isOpen, window.oldestSince, window.find(1)], [true, 2, undefined]);
  window.sent(1, 3, 'three');
  window.sent(1, 3, 'four');
  assert.not.ok(window.isOpen);
  assert.ok(window.ack(4));
  assert.equal([window.waiting, window.oldestSince, window.next], [0, undefined, 5]);
  assert.not.ok(window.ack(5), 'never sent');
  window.sent(1000, 4, 'large');
  assert.not.ok(window.isOpen);
});

test('turns are given in order, and given on by who leaves', () => {
  const turns = new SyncTurns(1);
  const granted: string[] = [];
  const request = (name: string) => turns.request(() => granted.push(name));
  const [a, b, c, d] = [request('a'), request('b'), request('c'), request('d')];
  assert.equal([a.granted, b.granted, turns.waiting], [true, false, 3]);
  c.end();
  a.end();
  a.end();
  assert.equal([granted, b.granted, d.granted], [['b'], true, false]);
  b.end();
  assert.equal([granted, turns.waiting], [['b', 'd'], 0]);
  d.end();
  assert.ok(request('e').granted);
});

test('tombstones know what they have forgotten', () => {
  const tombstones = new Tombstones(2, 10);
  tombstones.add('a', 11);
  tombstones.add('b', 12);
  assert.equal(
    [tombstones.since(10), tombstones.since(11), tombstones.since(9)],
    [['a', 'b'], ['b'], undefined],
  );
  tombstones.add('c', 13);
  assert.equal([tombstones.since(10), tombstones.since(11)], [undefined, ['b', 'c']]);
  tombstones.remove('b');
  assert.equal(tombstones.since(11), ['c']);
});

test('how a receiver is brought into step', () => {
  const digest = Digest.of([fingerprint(Buffer.from('x'))]);
  const empty = new Digest().toWire();
  const other = Digest.of([fingerprint(Buffer.from('y'))]).toWire();
  const plan = (held: ReturnType<Digest['toWire']> | undefined, lineage = 'l', revision = 5n) =>
    planOf({
      held: held && { type: 'T', lineage, revision, digest: held, newest: revision },
      view: digest,
      ...{ lineage: 'l', revision: 7 },
    });
  assert.is(plan(digest.toWire(), 'whatever', 99n), 'nothing');
  assert.is(plan(undefined), 'all');
  assert.is(plan(empty), 'all');
  assert.is(plan(other), 'since');
  assert.is(plan(other, 'l', 8n), 'ask');
  assert.is(plan(other, 'm'), 'ask');
});

test('a ring is heard by who waits, or by the next who does', async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait();
  let heard = false;
  const waiting = bell.wait().then(() => {
    heard = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.not.ok(heard, 'two rings are one');
  bell.ring();
  await waiting;
});

test('an App is where its instances are', () => {
  const places = new AppPlaces();
  assert.ok(places.count('x', 'app', 1));
  assert.not.ok(places.count('x', 'app', 1));
  assert.ok(places.count('y', 'app', 1));
  assert.equal([[...places.cloudletsOf('app')], [...places.appsOn('x')]], [['x', 'y'], ['app']]);
  assert.not.ok(places.count('x', 'app', -1));
  assert.ok(places.count('x', 'app', -1));
  assert.equal([places.isOn('x', 'app'), places.isOn('y', 'app')], [false, true]);
});

test.run();
