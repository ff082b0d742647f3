import { parseFlags } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { specOfCurrent } from './codec-current.js';
import { machineOf } from './machine-plan.js';
import { FRESH_STATUS } from './model.js';
import { FLINTLOCK_DEFAULTS, FLINTLOCK_FLAGS, flintlockSettings } from './settings.js';
import { currentSpec } from './testing.js';

const settings = (...args: string[]) => flintlockSettings(parseFlags(FLINTLOCK_FLAGS, args).values);

test('flags of microVMs', () => {
  assert.equal(settings(), FLINTLOCK_DEFAULTS);
  const given = [
    '--flintlock-bridge',
    'br0',
    '--flintlock-parent-iface',
    'eth0',
    '--flintlock-delete-timeout',
    '1m',
  ];
  assert.equal(settings(...given, '--flintlock-maximum-retry', '0'), {
    ...{ ...FLINTLOCK_DEFAULTS, bridge: 'br0', parent: 'eth0', graceMs: 60_000, maxRetries: 0 },
  });
  assert.throws(
    () => settings('--flintlock-bridge', 'br0,x'),
    /--flintlock-bridge.* must be the name of an interface/,
  );
  assert.throws(() => settings('--flintlock-maximum-retry', '1.5'), /--flintlock-maximum-retry/);
  assert.is(settings('--flintlock-memory-overcommit', '1.5').memoryOvercommit, 1.5);
  assert.throws(() => settings('--flintlock-memory-overcommit', '0.5'), /from 1 up/);
});

test('interfaces are where the host has a place for them, and else on a network of their own', () => {
  const interfaces = [
    { deviceId: 'a', type: 1 as const },
    { deviceId: 'b', type: 0 as const },
    { deviceId: 'c', type: 1 as const, overrides: { bridgeName: 'br9' } },
  ];
  const nics = (...args: string[]) => {
    const vm = {
      ...{ uid: 'u', version: 1, generation: 1, askedDigest: '', createdAt: 0, status: FRESH_STATUS },
      spec: specOfCurrent(currentSpec({ interfaces })),
    };
    return machineOf(vm, { kernel: '/k', disks: ['/d'] }, settings(...args), 'creating').nics.map((nic) => {
      const { mac, ...rest } = nic;
      assert.ok(mac);
      return rest;
    });
  };
  const own = { type: 'bridge', bridge: 'br9' };
  assert.equal(nics(), [{ type: 'user' }, { type: 'user' }, own]);
  assert.equal(nics('--flintlock-bridge', 'br0', '--flintlock-parent-iface', 'eth0'), [
    { type: 'bridge', bridge: 'br0' },
    { type: 'macvtap', parent: 'eth0' },
    own,
  ]);
});

test.run();
