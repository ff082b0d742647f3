export { localErrors } from './errors.js';
export { LocalDriver } from './local-driver.js';
