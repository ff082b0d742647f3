export { VirtrigaudDoor } from './door.js';
export { VIRTRIGAUD_FLAGS, type VirtrigaudSettings, virtrigaudSettings } from './settings.js';
