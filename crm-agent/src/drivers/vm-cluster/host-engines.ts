import { join } from 'node:path';
import { ClusterNetworks } from '../../engines/network/index.js';
import { QemuEngine } from '../../engines/qemu/index.js';
import { Admission, hostRoom } from '../../site/admission.js';
import { HOST } from '../../site/host-paths.js';
import type { DriverContext } from '../driver.js';
import { PublicPorts } from '../public-ports.js';
import type { ClusterEngines, ImageSource } from './engines.js';
import { SshNodeLink } from './node-link.js';

/** This very host: its bridges, QEMU, nginx, and SSH to nodes. */
export async function hostEngines(
  context: DriverContext,
  owner: string,
  images: ImageSource,
): Promise<ClusterEngines> {
  const { logger, clock, random, http } = context;
  const stateDir = context.stateDir ?? '/';
  return {
    networks: new ClusterNetworks({ owner, logger }),
    machines: new QemuEngine({ stateDir: join(stateDir, 'qemu'), logger, clock }),
    images,
    ports: await PublicPorts.open({ stateDir: join(stateDir, 'nginx'), http, logger, clock, random }),
    admission: new Admission(hostRoom(stateDir, HOST)),
    connect: (target) => new SshNodeLink(target, owner, { logger, clock }),
  };
}
