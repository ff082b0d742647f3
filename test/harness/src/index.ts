export { type Etcd, type EtcdCluster, type EtcdOptions, startEtcd, startEtcdCluster } from './etcd.js';
export { eventually } from './eventually.js';
export { freePort } from './free-port.js';
export { type HostSnapshot, hostSnapshot, leftBehind, NOTHING_LEFT, newSince } from './host-snapshot.js';
export { type Influx, startInflux } from './influx.js';
export { type Nats, type NatsOptions, startNats } from './nats.js';
export {
  cloudletKeyArg,
  type ProgramName,
  ROOT,
  type Running,
  startAgent,
  startController,
  startDme,
  startProgram,
  startRelay,
} from './programs.js';
export { type PythonClientOptions, runPythonClient, type SouthboundApi } from './python-client.js';
export { type Registry, startRegistry } from './registry.js';
export { type CommandResult, runCommand } from './run-command.js';
export { tempDir } from './temp-dir.js';
