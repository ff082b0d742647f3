export {
  type AnswerHandler,
  type AskControl,
  type BusEvent,
  type BusLimits,
  type BusMessage,
  type BusStatus,
  type EventBus,
  type Gap,
  MAX_MESSAGE_BYTES,
  MEMORY_LIMITS,
  NATS_LIMITS,
  type SubscribeOptions,
} from './bus.js';
export { busErrors } from './errors.js';
export { MemoryHub, type MemoryHubOptions } from './memory.js';
export { NatsBus, type NatsBusOptions } from './nats.js';
export type { NatsTls } from './nats-link.js';
export { reaches } from './position.js';
export { checkPattern, checkSubject } from './subjects.js';
