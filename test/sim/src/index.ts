export { type RunOptions, type RunResult, run } from './run.js';
