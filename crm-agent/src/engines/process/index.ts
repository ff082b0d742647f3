export { processErrors } from './errors.js';
export { identityOf, isAlive, type ProcessIdentity, toIdentity } from './identity.js';
export { canonicalAddress, type HostSocket, portsOf, portTaken } from './port-use.js';
export {
  listCommandLines,
  type ProcStat,
  parseProcStat,
  readBootId,
  readCommandLine,
  readProcessorKhz,
  readProcStat,
  readResidentBytes,
  TICKS_PER_SECOND,
} from './proc.js';
export { endSession, type ProcessSession, sessionOf } from './session.js';
export {
  exitOf,
  FIRST_SHARED_FD,
  type ProcessExit,
  type SpawnedProcess,
  type SpawnOptions,
  spawnDetached,
  type TerminateOptions,
  terminate,
  waitForExit,
} from './supervise.js';
