export { localErrors } from './errors.js';
export { LocalDriver } from './local-driver.js';
export { MICROVM } from './platform.js';
