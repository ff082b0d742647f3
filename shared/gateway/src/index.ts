export {
  DEFAULT_LIMITS,
  type Gateway,
  type GatewayLimits,
  type GatewayOptions,
  startGateway,
} from './gateway.js';
export { openApiDocument } from './openapi.js';
export type { QueryParameter } from './query-parameter.js';
export { type Route, routesOf } from './routes.js';
