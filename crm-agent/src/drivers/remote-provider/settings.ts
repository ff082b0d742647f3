import type { Capacity } from '../remote/capacity.js';
import type { Endpoint } from '../remote/endpoint.js';

/** What the operator says of a provider. */
export interface RemoteProviderSettings {
  readonly endpoint: Endpoint;
  /** Name of a network of the provider; empty: whatever it takes by itself. */
  readonly network: string;
  /** Bridge of the provider's host; empty: none. */
  readonly bridge: string;
  /** Image of cluster nodes; empty: a ClusterInst has none. */
  readonly nodeImage: string;
  /** What it has, as the API does not tell. */
  readonly capacity: Capacity | undefined;
}
