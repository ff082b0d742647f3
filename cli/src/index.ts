export type { Console } from './console.js';
export { cliErrors } from './errors.js';
export { runCli } from './run-cli.js';
