import { type Clock, inArea, type Logger } from '@edgeplane/base';
import { type Gateway, type GatewayLimits, startGateway } from '@edgeplane/gateway';
import type { RpcServer, TlsMaterial } from '@edgeplane/rpc';
import type { DmeConfig } from './config.js';

/** Devices send little, and are strangers. */
const LIMITS: GatewayLimits = {
  bodyBytes: 64 * 1024,
  requestMs: 10_000,
  connections: 20_000,
  // All share one connection to the API, with a thousand calls at a time.
  perAddress: 250,
  stalledMs: 60_000,
};

/**
 * Serves what `server` offers as REST too (match engine spec section 5).
 * @throws EdgeplaneError LISTEN_FAILED
 */
export function serveRest(
  config: Pick<DmeConfig, 'httpAddr' | 'httpEnums'>,
  parts: {
    readonly server: RpcServer;
    /** Address of the server. */
    readonly api: string;
    readonly gatewayToken: string;
    readonly tls: TlsMaterial | undefined;
    readonly logger: Logger;
    readonly clock: Clock;
  },
): Promise<Gateway> {
  const { server, api, gatewayToken, tls, logger, clock } = parts;
  return startGateway({
    address: config.httpAddr,
    services: server.definitions,
    api,
    token: gatewayToken,
    tls,
    enums: config.httpEnums,
    parameters: [],
    title: 'Edgeplane match engine',
    version: '0.1.0',
    limits: LIMITS,
    logger: inArea(logger, 'dmereq'),
    clock,
  });
}
