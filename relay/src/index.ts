export { parseConfig, type RelayConfig } from './config.js';
export { relayErrors } from './errors.js';
export { createRelay, type Relay, type RelayOverrides } from './relay.js';
