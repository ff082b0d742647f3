export { AuraeDoor, type AuraeDoorOptions } from './aurae-door.js';
export type { PodPolicy } from './pod-service.js';
