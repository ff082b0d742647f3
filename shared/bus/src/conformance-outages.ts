import * as assert from 'uvu/assert';
import { type BusSubject, event, Listener, type MakeBusSubject, until } from './conformance-subject.js';

type Define = (
  what: string,
  body: (subject: BusSubject) => Promise<void>,
  limits?: Parameters<MakeBusSubject>[0],
) => void;

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `state.A.x@${from + i}`);

/** What happens to publishers and subscribers while the bus is not there. */
export function outageTests(define: Define): void {
  define('events wait for a bus that is down; nothing is lost, doubled or disordered', async (subject) => {
    const [one, two] = [subject.connect(), subject.connect()];
    const listener = await new Listener(two, 'state.>').ready();
    for (let n = 1; n <= 100; n++) one.publish(event('state.A.x', n));
    await subject.down();
    for (let n = 101; n <= 200; n++) one.publish(event('state.A.x', n));
    await until('noticed', () => !one.status().connected);
    for (let n = 201; n <= 300; n++) one.publish(event('state.A.x', n));
    await subject.up();
    for (let n = 301; n <= 400; n++) one.publish(event('state.A.x', n));
    assert.equal(await listener.hears(400), numbers(1, 400));
    const all = new Listener(one, 'state.>', 'oldest');
    assert.equal(await all.hears(400), numbers(1, 400));
    assert.is(one.status().dropped, 0);
    await listener.stop();
    await all.stop();
  });

  define(
    'what has no room to wait is dropped, counted and told to every subscriber',
    async (subject) => {
      const [one, two] = [subject.connect(), subject.connect()];
      const listener = await new Listener(two, 'audit.>').ready();
      await subject.down();
      await until('noticed', () => !one.status().connected);
      for (let n = 1; n <= 25; n++) one.publish(event('state.A.x', n));
      assert.is(one.status().dropped, 15);
      await subject.up();
      assert.equal(await listener.hears(1), ['gap unpublished 15']);
      const all = new Listener(two, 'state.>', 'oldest');
      assert.equal(await all.hears(11), ['gap unpublished 15', ...numbers(16, 25)]);
      await listener.stop();
      await all.stop();
    },
    { waitingEvents: 10 },
  );

  define('a subscriber of a bus that lost everything is told, and hears what is new', async (subject) => {
    const [one, two] = [subject.connect(), subject.connect()];
    const listener = await new Listener(two, 'state.>').ready();
    for (let n = 1; n <= 3; n++) one.publish(event('state.A.x', n));
    assert.equal(await listener.hears(3), numbers(1, 3));
    const { position } = listener;
    await subject.down();
    await subject.upEmpty();
    one.publish(event('state.A.x', 4));
    assert.equal(await listener.hears(5), [...numbers(1, 3), 'gap replaced 0', 'state.A.x@4']);
    const resumed = new Listener(one, 'state.>', { after: position });
    assert.equal(await resumed.hears(2), ['gap replaced 0', 'state.A.x@4']);
    await listener.stop();
    await resumed.stop();
  });
}
