export { Backoff, type BackoffOptions } from './backoff.js';
export { type Clock, ManualClock, sleep, systemClock } from './clock.js';
export {
  DEBUG_AREAS,
  type DebugArea,
  DebugAreas,
  inArea,
  isDebugging,
  type ParsedAreas,
  parseDebugAreas,
} from './debug-areas.js';
export { type Deferred, deferred } from './deferred.js';
export { diskErrors, isDiskFull, namingFullDisk, saysDiskFull } from './disk-full.js';
export { parseDuration } from './duration.js';
export {
  defineErrors,
  EdgeplaneError,
  type ErrorKind,
  type ErrorParams,
  fail,
  isKind,
  messageOf,
  renderTemplate,
  STATUS_NAMES,
  type StatusName,
} from './errors.js';
export {
  appendToFile,
  isThere,
  readTextFile,
  removeFile,
  renameFile,
  writeFileAtomic,
  writePartsAtomic,
} from './files.js';
export {
  type FlagSpec,
  type FlagType,
  type FlagValues,
  flagErrors,
  helpText,
  kebab,
  type ParsedFlags,
  parseFlags,
} from './flags.js';
export { KeyedQueue } from './keyed-queue.js';
export { KeyedTurns } from './keyed-turns.js';
export { type ExitStatus, type Launched, type LaunchOptions, launch } from './launch.js';
export { localKindOf } from './local-addresses.js';
export { createLogger, debugLogger, type Logger, type LoggerOptions, silentLogger } from './logger.js';
export { type ProcessLock, takeProcessLock } from './process-lock.js';
export { type ProgramOptions, runProgram, type Service } from './program.js';
export { type Random, randomId, seededRandom, systemRandom } from './random.js';
export { Slots } from './slots.js';
export { Tally } from './tally.js';
