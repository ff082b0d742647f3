export { workErrors } from './errors.js';
export type { HistoryLimits } from './history.js';
export { OperationLog, type OperationLogOptions, type Submission } from './operation-log.js';
export {
  isFinished,
  type Json,
  type OperationFailure,
  type OperationRecord,
  type OperationState,
} from './record.js';
export type { OperationDisk } from './record-files.js';
export type { RunContext, Runner, StepDetail, Success } from './runner.js';
export { thrown } from './thrown.js';
