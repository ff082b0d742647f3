export { nginxErrors } from './errors.js';
export { type ListedService, LoadBalancer, type LoadBalancerOptions } from './load-balancer.js';
export type { Backend, PublicService } from './public-service.js';
