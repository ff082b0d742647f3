import { fail } from '@edgeplane/base';
import { OBJECTS } from '@edgeplane/objects';
import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import type { AppInst, AppInstKey } from '@edgeplane/proto/edgeproto/app_inst.js';
import { controllerErrors } from '../errors.js';
import { protocolBit } from './ports.js';

/**
 * Refuses ports that two Apps, or one App twice, would have on the load balancer of a dedicated cluster. HTTP is told
 * apart by path, so any number of HTTP ports share 443; a TCP port 443 beside them is a conflict. The same port listed
 * twice is one port.
 * @param others the other AppInsts on the cluster
 * @throws EdgeplaneError PORT_CONFLICT naming port, protocol and the other AppInst
 */
export function refuseConflicts(
  key: AppInstKey,
  ports: readonly AppPort[],
  others: readonly AppInst[],
): void {
  ports.forEach((port, i) => {
    const twin = ports.slice(0, i).some((p) => clash(p, port) && p.proto !== port.proto);
    const other = others.find((inst) => inst.mappedPorts.some((p) => clash(p, port)));
    if (!twin && !other) return;
    throw fail(controllerErrors.PORT_CONFLICT, {
      port: port.publicPort,
      protocol: port.proto === LProto.L_PROTO_UDP ? 'udp' : 'tcp',
      app: key.appKey?.name ?? '',
      user: OBJECTS.AppInst.keyJson(other ? OBJECTS.AppInst.key(other) : key),
    });
  });
}

function clash(a: AppPort, b: AppPort): boolean {
  if (a.publicPort !== b.publicPort || protocolBit(a.proto) !== protocolBit(b.proto)) return false;
  return a.proto !== LProto.L_PROTO_HTTP || b.proto !== LProto.L_PROTO_HTTP;
}
