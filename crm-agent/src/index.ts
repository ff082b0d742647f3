export { type Agent, type AgentOverrides, createAgent } from './agent.js';
export { parseCloudletKey } from './cloudlet-key.js';
export { type AgentConfig, defaultStateDir, type OnStop, parseConfig } from './config.js';
export { type AgentTables, desiredTables } from './desired.js';
export { type Disk, systemDisk } from './disk.js';
export type {
  AppInstRequest,
  ClusterInstRequest,
  Driver,
  DriverCapabilities,
  DriverContext,
  InstanceState,
  Operation,
  Recovered,
  RecoveredInstance,
  SiteLimits,
} from './drivers/driver.js';
export { FAKE_DEFAULTS, FakeDriver, type FakeSettings, parseFakeRules } from './drivers/fake/index.js';
export { agentErrors } from './errors.js';
export { AGENT_FLAGS } from './flags.js';
export { PLATFORM_NAMES, type PlatformName } from './platforms.js';
export type { StateLock } from './state-lock.js';
