import { defineMetrics, type Metrics } from '@edgeplane/observe';
import type { RpcServer } from './server.js';

export const CONNECTION_METRICS = defineMetrics({
  open: {
    kind: 'gauge',
    name: 'edgeplane_connections_open',
    help: 'Connections at the notify listener, with a session or not yet.',
  },
  refused: {
    kind: 'counter',
    name: 'edgeplane_connections_refused_total',
    help: 'Connections closed as they came, because there were too many.',
  },
  brokenOff: {
    kind: 'counter',
    name: 'edgeplane_connections_broken_off_total',
    help: 'Connections closed because no call came, or an answer was not read.',
  },
});

/** Says of a server with bounded connections how many there are. One server of a process. */
export function observeConnections(metrics: Metrics, server: Pick<RpcServer, 'connectionCounters'>): void {
  metrics.read(CONNECTION_METRICS, {
    open: () => server.connectionCounters.open,
    refused: () => server.connectionCounters.refused,
    brokenOff: () => server.connectionCounters.brokenOff,
  });
}
