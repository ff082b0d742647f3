export {
  CLOUDLET_MOVES,
  CLOUDLET_STATES,
  type CloudletMove,
  type CloudletStateRow,
  cloudletStateProtoName,
  isUsable,
} from './cloudlet-states.js';
export { CONSISTENCY_RULES, type ConsistencyRule, INCONSISTENT, inconsistency } from './consistency.js';
export { lifecycleErrors } from './errors.js';
export { NO_OVERRIDES, OVERRIDES, type OverrideEffects, overrideEffects } from './override.js';
export { canStep, errorsIn, type Step, step, stepByReport } from './step.js';
export { type Actor, type Condition, type InstanceKind, type Move, TRACKED_MOVES } from './tracked-moves.js';
export {
  isError,
  isStreamed,
  isTransient,
  TRACKED_STATES,
  type TrackedStateRow,
  trackedStateName,
} from './tracked-states.js';
