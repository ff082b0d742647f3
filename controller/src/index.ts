export { type Controller, type ControllerOverrides, createController, type Door } from './app.js';
export { type ControllerConfig, parseConfig, SHORT_TIMEOUTS } from './config.js';
export type { Timeouts } from './context.js';
export type { TextFetcher } from './deploy/fetch-text.js';
export { controllerErrors } from './errors.js';
export { CONTROLLER_FLAGS } from './flags.js';
