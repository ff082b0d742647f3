export { type Gateway, type GatewayOptions, startGateway } from './gateway.js';
export { DEFAULT_LIMITS, type GatewayLimits } from './limits.js';
export { openApiDocument } from './openapi.js';
export type { QueryParameter } from './query-parameter.js';
export { type Route, routesOf } from './routes.js';
