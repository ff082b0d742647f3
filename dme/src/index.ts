export { type DmeConfig, parseConfig } from './config.js';
export { createDme, type Dme, type DmeOverrides } from './dme.js';
export { dmeErrors } from './errors.js';
export { DME_FLAGS } from './flags.js';
export { type FollowOptions, followControllers } from './follow.js';
export { distanceKm, type Place } from './geo.js';
export { distanceCode } from './location/verdict.js';
export { AppTable } from './tables.js';
