export { addressAt, parseCidr } from './cidr.js';
export { ClusterNetworks, type ClusterNetworksOptions } from './cluster-networks.js';
export type { ClusterNetwork } from './cluster-rules.js';
export { networkErrors } from './errors.js';
export { FIRST_NODE_OFFSET, GATEWAY_OFFSET, MAX_NODES } from './subnets.js';
