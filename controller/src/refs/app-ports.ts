import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { type AccessPort, parseAccessPorts } from '../deploy/access-ports.js';
import { configTexts } from '../deploy/app-configs.js';
import { appFqdn, dedicatedFqdn, httpPath, sharedFqdn } from '../deploy/fqdn.js';
import { servicePrefixes } from '../deploy/service-prefixes.js';
import { HTTP_PORT, type PortUse, protocolBit, reservePort } from './ports.js';

/**
 * How an instance is reached: not at all by us (`none`), through the cloudlet's load balancer, through its cluster's
 * own, or by an address per service.
 */
export type Exposure = 'none' | 'shared' | 'dedicated' | 'per-service';

export interface PortGrant {
  readonly ports: AppPort[];
  /** Undefined: leave it as it is. */
  readonly uri: string | undefined;
  /** Ports in use on the shared load balancer, with the new ones. */
  readonly use: PortUse;
}

export interface PortRequest {
  readonly app: App;
  readonly key: AppInstKey;
  readonly exposure: Exposure;
  readonly use: PortUse;
  readonly rootDomain: string;
}

/**
 * Maps the ports of an App for one instance (controller spec section 14.3). Stored ports that cannot be parsed count
 * as none.
 * @throws EdgeplaneError NO_FREE_PORTS, UNKNOWN_PROTOCOL
 */
export function grantPorts(request: PortRequest): PortGrant {
  const { app, key, exposure, rootDomain } = request;
  let use = request.use;
  const ports = accessPorts(app).map(({ proto, port }): AppPort => {
    protocolBit(proto);
    const base: AppPort = { proto, internalPort: port, publicPort: 0, pathPrefix: '', fqdnPrefix: '' };
    if (exposure === 'none') return base;
    if (exposure === 'per-service') {
      const tcp = proto === LProto.L_PROTO_HTTP ? LProto.L_PROTO_TCP : proto;
      return { ...base, proto: tcp, publicPort: port };
    }
    if (proto === LProto.L_PROTO_HTTP) {
      return { ...base, publicPort: HTTP_PORT, pathPrefix: httpPath(key.appKey, port) };
    }
    if (exposure === 'dedicated') return { ...base, publicPort: port };
    const reserved = reservePort(use, proto, port);
    use = reserved.use;
    return { ...base, publicPort: reserved.publicPort };
  });
  return {
    ports: exposure === 'none' ? ports : withPrefixes(ports, app),
    uri: uriOf(exposure, key, rootDomain),
    use,
  };
}

function accessPorts(app: App): AccessPort[] {
  try {
    return parseAccessPorts(app.accessPorts);
  } catch {
    return [];
  }
}

function withPrefixes(ports: AppPort[], app: App): AppPort[] {
  if (app.deployment !== 'kubernetes' || ports.length === 0) return ports;
  const prefixOf = servicePrefixes([app.deploymentManifest, ...configTexts(app.configs, 'k8s-manifest')]);
  return ports.map((p) => ({ ...p, fqdnPrefix: prefixOf(p.proto, p.internalPort) }));
}

function uriOf(exposure: Exposure, key: AppInstKey, rootDomain: string): string | undefined {
  const cluster = key.clusterInstKey;
  switch (exposure) {
    case 'none':
      return undefined;
    case 'shared':
      return sharedFqdn(cluster?.cloudletKey, rootDomain);
    case 'dedicated':
      return dedicatedFqdn(cluster, rootDomain);
    case 'per-service':
      return appFqdn(key.appKey, cluster, rootDomain);
  }
}
