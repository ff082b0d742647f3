import { fail, type Random } from '@edgeplane/base';
import { auraeErrors } from './errors.js';
import type { PodHost } from './pod-host.js';
import type { PodRecord } from './pod-record.js';
import type { PortSpec } from './pod-spec.js';

/** Where ports are chosen: above what the kernel gives to connections by itself. */
const FIRST = 61_000;
const LAST = 65_535;
const TRIES = 200;

const overlap = (a: PortSpec, b: PortSpec): boolean =>
  a.proto === b.proto &&
  a.hostPort === b.hostPort &&
  (a.hostIp === b.hostIp || isAny(a.hostIp) || isAny(b.hostIp));
const isAny = (address: string): boolean => address === '' || address === '0.0.0.0';

/**
 * Ports of a new pod: those it names, unless another pod has them, and a free one for each that it leaves to the host. They
 * stay the pod's until it is freed, also while it does not run. @throws PORT_TAKEN, NO_HOST_PORT naming the field
 */
export async function choosePorts(
  wanted: readonly PortSpec[],
  others: readonly PodRecord[],
  host: Pick<PodHost, 'portHeldBy'>,
  random: Random,
): Promise<PortSpec[]> {
  const taken = others.flatMap(({ ports }) => ports);
  const fixed = wanted.filter(({ hostPort }) => hostPort !== 0);
  const clash = fixed.find((port) => taken.some((other) => overlap(port, other)));
  const field = 'pod.network.ports.host_port';
  if (clash) throw fail(auraeErrors.PORT_TAKEN, { field, port: clash.hostPort });
  const used = [...taken, ...fixed];
  const chosen: PortSpec[] = [];
  for (const port of wanted) {
    const found = port.hostPort !== 0 ? port : await freePort(port, used, host, random);
    if (!found) throw fail(auraeErrors.NO_HOST_PORT, { field });
    used.push(found);
    chosen.push(found);
  }
  return chosen;
}

async function freePort(
  port: PortSpec,
  used: readonly PortSpec[],
  host: Pick<PodHost, 'portHeldBy'>,
  random: Random,
): Promise<PortSpec | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const candidate = { ...port, hostPort: FIRST + Math.floor(random.next() * (LAST - FIRST + 1)) };
    if (used.some((other) => overlap(candidate, other))) continue;
    if ((await host.portHeldBy(port.proto, port.hostIp, candidate.hostPort)) === undefined) return candidate;
  }
  return undefined;
}
