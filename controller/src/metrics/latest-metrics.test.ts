import { ManualClock } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LatestMetrics, STALE_MS } from './latest-metrics.js';

const SITE = { operatorKey: { name: 'op' }, name: 'site' };

/** Cloudlets that exist, and how to delete one. */
function existing(keys: Set<string>) {
  const listeners: ((change: { key: string }) => void)[] = [];
  return {
    get: (key: string) => (keys.has(key) ? {} : undefined),
    subscribe: (listener: (change: { key: string }) => void) => listeners.push(listener),
    delete(key: string) {
      keys.delete(key);
      for (const listener of listeners) listener({ key });
    },
  };
}

test('samples tell their age, and go when they are stale or what they measure goes', () => {
  const key = OBJECTS.Cloudlet.keyJson(SITE);
  const clock = new ManualClock();
  const cloudlets = existing(new Set([key]));
  const { cloudlets: latest } = new LatestMetrics({ cloudlets, appInsts: existing(new Set()) }, clock);
  const sample = { ...OBJECTS.CloudletMetrics.withKey(SITE), cpuCores: 2n };
  assert.ok(latest.put(sample));
  assert.not.ok(latest.put(OBJECTS.CloudletMetrics.withKey({ ...SITE, name: 'other' })));
  clock.advance(STALE_MS);
  assert.equal(latest.values(), [{ ...sample, ageMs: BigInt(STALE_MS) }]);
  clock.advance(1);
  assert.equal(latest.values(), []);
  assert.ok(latest.put(sample));
  cloudlets.delete(key);
  assert.equal(latest.values(), []);
});

test.run();
