import { isIPv4 } from 'node:net';
import { fail } from '@edgeplane/base';
import type {
  PodNetwork,
  PortMapping,
  Volume,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import { Container, type Pod } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { auraeErrors } from './errors.js';
import { bad, checkCount, checkName, checkPort, checkText, checkUnique, notOffered } from './fields.js';
import type { HostOffer } from './pod-host.js';
import type { ContainerSpec, PodSpec, PortSpec, VolumeSpec } from './pod-spec.js';
import { type ContainerPlace, readContainer } from './read-container.js';
import { readResources } from './read-resources.js';

const RESTARTS = ['always', 'on-failure', 'no'] as const;
const DEFAULT_GRACE_MS = 10_000;
const LONGEST_GRACE_MS = 10 * 60_000;
const MOST_CONTAINERS = 50;
const MODE_NONE = 1;
const MODE_HOST = 2;

/** What the single container of the short form is called. */
export const SHORT_FORM_NAME = 'main';

/**
 * Checks a pod and fills in what it leaves open. `name` is the pod's.
 * @throws BAD_FIELD for what is malformed, NOT_OFFERED and NOT_PERMITTED for what this host does not do; never ignores
 */
export function readPod(pod: Pod, name: string, offer: HostOffer): PodSpec {
  const restart = RESTARTS[pod.restartPolicy];
  if (restart === undefined) throw bad('pod.restart_policy', 'must be 0, 1 or 2', pod.restartPolicy);
  if (pod.isolation !== 0)
    throw notOffered(
      'pod.isolation',
      'pods of this host are separated by kernel namespaces, not by machines',
    );
  if (pod.cellName !== '') throw notOffered('pod.cell_name', 'this host has no cells');
  if (pod.userns) throw notOffered('pod.userns', 'this host gives no range of users to pods');
  if (pod.stopGraceMs > LONGEST_GRACE_MS)
    throw bad('pod.stop_grace_ms', `must be at most ${LONGEST_GRACE_MS}`, pod.stopGraceMs);
  const network = readNetwork(pod.network);
  const volumes = readVolumes(pod.volumes);
  const place = { offer, network: network.network, volumes: new Set(volumes.map((v) => v.name)) };
  const given = containersOf(pod);
  const ports = readPorts([
    ...(pod.network?.ports ?? []).map((port, i) => ({ field: `pod.network.ports[${i}]`, port })),
    ...given.flatMap(({ field, container }) =>
      container.ports.map((port, i) => ({ field: `${field}.ports[${i}]`, port })),
    ),
  ]);
  if (ports.length > 0 && network.network === 'none')
    throw bad('pod.network.ports', 'must be empty in a pod without a network', ports.length);
  const hostname = pod.hostname || name;
  return {
    labels: readLabels(pod.labels),
    containers: readContainers(given, place),
    limits: readResources('pod.resources', pod.resources, offer.limits),
    ...network,
    ...{ ports, volumes, restart },
    hostname: checkName('pod.hostname', hostname),
    sharePid: pod.sharePid,
    graceMs: pod.stopGraceMs || DEFAULT_GRACE_MS,
  };
}

interface Given {
  readonly field: string;
  readonly container: Container;
}

/** Those it lists, or the one of the short form. */
function containersOf(pod: Pod): Given[] {
  const { image, registry, containers } = pod;
  if (image === '' && registry === '')
    return containers.map((container, i) => ({ field: `pod.containers[${i}]`, container }));
  if (containers.length > 0) throw bad('pod.image', 'must not come together with pod.containers', image);
  return [{ field: 'pod', container: Container.fromPartial({ name: SHORT_FORM_NAME, image, registry }) }];
}

/** @throws as readPod. `given` names the field of each. */
export function readContainers(given: readonly Given[], place: ContainerPlace): ContainerSpec[] {
  const field = given[0]?.field.replace(/\[0\]$/, '') ?? 'pod.containers';
  checkCount(field, given.length, MOST_CONTAINERS);
  const specs = given.map((each) => readContainer(each.field, each.container, place));
  checkUnique(
    `${field}.name`,
    specs.map(({ name }) => name),
  );
  return specs;
}

function readLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(labels);
  checkCount('pod.labels', entries.length, 100);
  for (const [key, value] of entries) {
    if (!/^[A-Za-z0-9][\w./-]{0,252}$/.test(key))
      throw bad('pod.labels', 'keys are 1 to 253 letters, digits, and _ . / -', key);
    checkText(`pod.labels.${key}`, value, 1024);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readNetwork(network: PodNetwork | undefined): Pick<PodSpec, 'network' | 'nameservers' | 'searches'> {
  const mode = network?.mode ?? 0;
  if (mode === MODE_HOST) {
    const reason = 'no pod of this host gets the host’s own network';
    throw fail(auraeErrors.NOT_PERMITTED, { field: 'pod.network.mode', reason });
  }
  if (mode !== 0 && mode !== MODE_NONE) throw bad('pod.network.mode', 'must be 0, 1 or 2', mode);
  if (network?.networkIds.length)
    throw notOffered(
      'pod.network.network_ids',
      'the pods of a tenant share one network, and there are no others',
    );
  if (network?.staticIp) throw notOffered('pod.network.static_ip', 'the host chooses addresses');
  const nameservers = network?.dns?.nameservers ?? [];
  const searches = network?.dns?.searches ?? [];
  checkCount('pod.network.dns.nameservers', nameservers.length, 3);
  checkCount('pod.network.dns.searches', searches.length, 6);
  for (const address of nameservers)
    if (!isIPv4(address)) throw bad('pod.network.dns.nameservers', 'must be IPv4 addresses', address);
  for (const domain of searches)
    if (!/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(domain))
      throw bad('pod.network.dns.searches', 'must be domain names', domain);
  return { network: mode === MODE_NONE ? 'none' : 'bridge', nameservers, searches };
}

function readPorts(given: readonly { readonly field: string; readonly port: PortMapping }[]): PortSpec[] {
  checkCount('pod.network.ports', given.length, 200);
  const seen = new Set<string>();
  return given.map(({ field, port }) => {
    const { protocol, hostIp } = port;
    const proto = protocol === '' ? 'tcp' : protocol;
    if (proto !== 'tcp' && proto !== 'udp') throw bad(`${field}.protocol`, 'must be tcp or udp', protocol);
    if (hostIp !== '' && !isIPv4(hostIp)) throw bad(`${field}.host_ip`, 'must be an IPv4 address', hostIp);
    const hostPort = checkPort(`${field}.host_port`, port.hostPort, true);
    const key = `${proto} ${hostIp}:${hostPort}`;
    if (hostPort !== 0 && seen.has(key)) throw bad(`${field}.host_port`, 'must not be given twice', key);
    seen.add(key);
    const containerPort = checkPort(`${field}.container_port`, port.containerPort, false);
    return { proto, containerPort, hostPort, hostIp };
  });
}

function readVolumes(volumes: readonly Volume[]): VolumeSpec[] {
  checkCount('pod.volumes', volumes.length, 100);
  checkUnique(
    'pod.volumes.name',
    volumes.map(({ name }) => name),
  );
  return volumes.map(({ name, hostPath, inMemory, sizeBytes }, i) => {
    const field = `pod.volumes[${i}]`;
    if (hostPath !== '') {
      const reason = 'this host gives no folder of its own to pods';
      throw fail(auraeErrors.NOT_PERMITTED, { field: `${field}.host_path`, reason });
    }
    if (sizeBytes < 0n) throw bad(`${field}.size_bytes`, 'must be 0 or more', sizeBytes);
    if (sizeBytes > 0n)
      throw notOffered(
        `${field}.size_bytes`,
        'volumes have no limit of their own; memory counts for the container',
      );
    return { name: checkName(`${field}.name`, name), inMemory };
  });
}
