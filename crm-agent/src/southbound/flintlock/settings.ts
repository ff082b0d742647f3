import type { FlagValues } from '@edgeplane/base';
import { settingInvalid } from '../../errors.js';
import type { NetworkSettings } from './machine-plan.js';
import type { ReconcileSettings } from './reconciler.js';

export interface FlintlockSettings extends NetworkSettings, ReconcileSettings {
  /** Memory that may be promised for each part of it that is free: guests take theirs as they touch it. */
  readonly memoryOvercommit: number;
}

/** What flintlock has, but for waits that are not minutes long. */
export const FLINTLOCK_DEFAULTS: FlintlockSettings = {
  bridge: '',
  parent: '',
  memoryOvercommit: 1,
  workers: 4,
  maxRetries: 10,
  backoff: { base: 1000, max: 60_000 },
  graceMs: 10_000,
};

/** The part of the agent's command line that is about microVMs. */
export const FLINTLOCK_FLAGS = {
  flintlockBridge: {
    type: 'string',
    default: FLINTLOCK_DEFAULTS.bridge,
    about:
      'bridge of this host on which tap interfaces of microVMs are; empty: a network of QEMU of their own',
  },
  flintlockParentIface: {
    type: 'string',
    default: FLINTLOCK_DEFAULTS.parent,
    about: 'interface of this host on which macvtap interfaces of microVMs are; empty: as without a bridge',
  },
  flintlockMemoryOvercommit: {
    type: 'number',
    default: String(FLINTLOCK_DEFAULTS.memoryOvercommit),
    about: 'memory that microVMs which are accepted and do not run yet may be promised, times what is free',
  },
  flintlockMaximumRetry: {
    type: 'number',
    default: String(FLINTLOCK_DEFAULTS.maxRetries),
    about: 'failed tries after which a microVM is given up',
  },
  flintlockDeleteTimeout: {
    type: 'duration',
    default: '10s',
    about: 'how long the guest of a microVM that is deleted may take to shut down',
  },
} as const;

/** A name of an interface: what the kernel takes, and no option of a program. */
const LINK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;

/** @throws INVALID_SETTING */
export function flintlockSettings(values: FlagValues<typeof FLINTLOCK_FLAGS>): FlintlockSettings {
  const { flintlockBridge: bridge, flintlockParentIface: parent } = values;
  const { flintlockMaximumRetry: maxRetries, flintlockDeleteTimeout: graceMs } = values;
  const { flintlockMemoryOvercommit: memoryOvercommit } = values;
  for (const [flag, link] of [
    ['--flintlock-bridge', bridge],
    ['--flintlock-parent-iface', parent],
  ] as const)
    if (link !== '' && !LINK.test(link)) throw settingInvalid(flag, 'must be the name of an interface', link);
  if (!Number.isInteger(maxRetries) || maxRetries < 0 || maxRetries > 1000)
    throw settingInvalid('--flintlock-maximum-retry', 'must be a whole number from 0 to 1000', maxRetries);
  if (!(memoryOvercommit >= 1))
    throw settingInvalid('--flintlock-memory-overcommit', 'must be a number from 1 up', memoryOvercommit);
  return { ...FLINTLOCK_DEFAULTS, bridge, parent, memoryOvercommit, maxRetries, graceMs };
}
