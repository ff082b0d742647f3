import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { EventBus } from './bus.js';
import { busConformance } from './conformance.js';
import { event, Listener, until } from './conformance-subject.js';
import { MemoryHub } from './memory.js';

busConformance(test, 'memory', async (limits = {}) => {
  const hub = new MemoryHub({ limits });
  const opened: EventBus[] = [];
  return {
    connect: () => {
      const bus = hub.connect();
      opened.push(bus);
      return bus;
    },
    down: async () => hub.setDown(true),
    up: async () => hub.setDown(false),
    upEmpty: async () => {
      hub.forget();
      hub.setDown(false);
    },
    cleanup: async () => {
      for (const bus of opened) await bus.close();
    },
  };
});

test('events and ids are forgotten by age', async () => {
  const clock = new ManualClock(1_000_000);
  const hub = new MemoryHub({ clock, limits: { keepMs: 1000, duplicateMs: 5000 } });
  const bus = hub.connect();
  bus.publish(event('state.A.x', 1));
  await until('stored', () => bus.status().stored === 1);
  clock.advance(2000);
  bus.publish(event('state.A.x', 1));
  bus.publish(event('state.A.x', 2));
  await until('stored', () => bus.status().stored === 3);
  const second = new Listener(bus, 'state.>', 'oldest');
  assert.equal(await second.hears(1), ['state.A.x@2']);
  await second.stop();
  clock.advance(6000);
  bus.publish(event('state.A.x', 1));
  const third = new Listener(bus, 'state.>', 'oldest');
  assert.equal(await third.hears(1), ['state.A.x@1']);
  await third.stop();
  await until('nothing waits', () => bus.status().waiting === 0);
  await bus.close();
});

test.run();
