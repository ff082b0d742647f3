export { FlintlockDoor, type FlintlockParts } from './door.js';
export {
  FLINTLOCK_DEFAULTS,
  FLINTLOCK_FLAGS,
  type FlintlockSettings,
  flintlockSettings,
} from './settings.js';
