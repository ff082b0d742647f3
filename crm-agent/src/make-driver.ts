import type { AgentConfig } from './config.js';
import type { Driver } from './drivers/driver.js';
import { FakeDriver } from './drivers/fake/index.js';
import { LocalDriver, MICROVM } from './drivers/local/index.js';
import { RemoteMicrovmDriver } from './drivers/remote-microvm/index.js';
import { RemoteProviderDriver } from './drivers/remote-provider/index.js';
import { VmClusterDriver } from './drivers/vm-cluster/index.js';

/** The driver of the configured platform, not initialised. */
export function makeDriver(config: AgentConfig): Driver {
  switch (config.platform) {
    case 'fakecloudlet':
      return new FakeDriver(config.fake);
    case 'local':
      return new LocalDriver(config.cpuOvercommit);
    case 'microvm':
      return new LocalDriver(config.cpuOvercommit, MICROVM);
    case 'vm-cluster':
      return new VmClusterDriver({ cpuOvercommit: config.cpuOvercommit, nodeImage: config.nodeImage });
    case 'remote-provider':
      if (!config.remoteProvider) throw new RangeError('the provider is not configured');
      return new RemoteProviderDriver(config.remoteProvider);
    case 'remote-microvm':
      if (!config.remoteMicrovm) throw new RangeError('the hosts are not configured');
      return new RemoteMicrovmDriver(config.remoteMicrovm);
  }
}
