import { fail } from '@edgeplane/base';
import type {
  Mount,
  Probe,
  SecurityContext,
} from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import type { Container } from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import { auraeErrors } from './errors.js';
import {
  bad,
  checkCount,
  checkName,
  checkPath,
  checkPort,
  checkText,
  checkUnique,
  notOffered,
} from './fields.js';
import type { HostOffer } from './pod-host.js';
import type { ContainerSpec, MountSpec, ProbeSpec } from './pod-spec.js';
import { readResources } from './read-resources.js';

const MOST_ENTRIES = 1000;
/** The kernel takes no longer single argument. */
const LONGEST_ARGUMENT = 128 * 1024;
const PULLS = ['absent', 'always', 'never'] as const;

/** What a container is read against. */
export interface ContainerPlace {
  readonly offer: HostOffer;
  readonly volumes: ReadonlySet<string>;
  readonly network: 'bridge' | 'none';
}

/** @throws the refusals of fields.ts, naming the field below `field` */
export function readContainer(field: string, container: Container, place: ContainerPlace): ContainerSpec {
  const at = (name: string) => `${field}.${name}`;
  const { pullPolicy, imageDigest, credentialRef, ports, security } = container;
  const pull = PULLS[pullPolicy];
  if (pull === undefined) throw bad(at('pull_policy'), 'must be 0, 1 or 2', pullPolicy);
  if (imageDigest !== '' && !/^sha256:[0-9a-f]{64}$/.test(imageDigest))
    throw bad(at('image_digest'), 'must be sha256: and 64 hexadecimal digits', imageDigest);
  if (credentialRef !== '')
    throw notOffered(
      at('credential_ref'),
      `this host has no credentials named ${checkName(at('credential_ref'), credentialRef)}; those of --registry-auth-file are found by the image`,
    );
  if (ports.length > 0 && place.network === 'none')
    throw bad(at('ports'), 'must be empty in a pod without a network', ports.length);
  const words = (name: string, list: readonly string[]) => {
    checkCount(at(name), list.length, MOST_ENTRIES);
    return list.map((word, i) => checkText(at(`${name}[${i}]`), word, LONGEST_ARGUMENT));
  };
  return {
    name: checkName(at('name'), container.name),
    image: readImage(field, container.image, container.registry),
    ...{ pull, digest: imageDigest, init: container.init },
    ...{ command: words('command', container.command), args: words('args', container.args) },
    env: readEnv(at('env'), container.env),
    workingDir: container.workingDir === '' ? '' : checkPath(at('working_dir'), container.workingDir),
    limits: readResources(at('resources'), container.resources, place.offer.limits),
    mounts: readMounts(at('mounts'), container.mounts, place.volumes),
    ...readSecurity(at('security'), security),
    liveness: readProbe(at('liveness'), container.liveness, place),
    readiness: readProbe(at('readiness'), container.readiness, place),
  };
}

const REFERENCE =
  /^[a-z0-9]+([._:-]+[a-zA-Z0-9]+)*(\/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/**
 * An image reference with its registry in front. Paths and archives of the host are not references: a caller has no
 * business with them.
 */
export function readImage(field: string, image: string, registry: string): string {
  if (image === '') throw bad(`${field}.image`, 'must name an image', image);
  checkText(`${field}.image`, image, 512);
  if (registry !== '' && !/^[a-zA-Z0-9.-]{1,253}(:\d{1,5})?(\/[a-z0-9._-]+)*$/.test(registry))
    throw bad(`${field}.registry`, 'must be a host with an optional port and path', registry);
  const whole = registry === '' ? image : `${registry}/${image}`;
  if (!REFERENCE.test(whole)) throw bad(`${field}.image`, 'must be an image reference', whole);
  return whole;
}

function readEnv(field: string, env: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(env);
  checkCount(field, entries.length, MOST_ENTRIES);
  for (const [name, value] of entries) {
    if (name === '' || /[=\0]/.test(name)) throw bad(field, 'names must not be empty or hold =', name);
    // The value may be a secret: it is not shown.
    if (value.includes('\0')) throw bad(`${field}.${name}`, 'must not hold a zero byte', '...');
    checkCount(`${field}.${name}, characters`, value.length, LONGEST_ARGUMENT);
  }
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readMounts(field: string, mounts: readonly Mount[], volumes: ReadonlySet<string>): MountSpec[] {
  checkCount(field, mounts.length, 100);
  checkUnique(
    `${field}.path`,
    mounts.map(({ path }) => path),
  );
  return mounts.map(({ volume, path, readOnly }, i) => {
    if (!volumes.has(volume)) throw bad(`${field}[${i}].volume`, 'must be one of the pod’s volumes', volume);
    if (path === '/') throw bad(`${field}[${i}].path`, 'must be below the root', path);
    return { volume, path: checkPath(`${field}[${i}].path`, path), readOnly };
  });
}

/** What a container may have beyond the default without reaching the host. */
const HARMLESS = ['NET_RAW', 'AUDIT_WRITE', 'NET_BIND_SERVICE', 'IPC_LOCK', 'SYS_CHROOT'];
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/;

function readSecurity(field: string, security: SecurityContext | undefined) {
  const capabilities = (name: string, list: readonly string[]): string[] => {
    checkCount(`${field}.${name}`, list.length, 64);
    return list.map((each, i) => {
      const bare = each.toUpperCase().replace(/^CAP_/, '');
      if (!/^[A-Z_]{3,30}$/.test(bare)) throw bad(`${field}.${name}[${i}]`, 'must be a capability', each);
      return `CAP_${bare}`;
    });
  };
  const added = capabilities('add_capabilities', security?.addCapabilities ?? []);
  const dropped = capabilities('drop_capabilities', security?.dropCapabilities ?? []);
  const harmful = added.find((name) => !HARMLESS.includes(name.slice(4)));
  if (harmful !== undefined) {
    const reason = `${harmful} reaches beyond the container; this host gives ${HARMLESS.join(', ')}`;
    throw fail(auraeErrors.NOT_PERMITTED, { field: `${field}.add_capabilities`, reason });
  }
  if (security?.unconfined) {
    const reason = 'containers of this host run with a filter of system calls';
    throw fail(auraeErrors.NOT_PERMITTED, { field: `${field}.unconfined`, reason });
  }
  const user = security?.user ?? '';
  if (user !== '' && !USER.test(user)) throw bad(`${field}.user`, 'must be user or user:group', user);
  return {
    ...{ user, readOnlyRoot: security?.readOnlyRoot ?? false },
    ...{ addCapabilities: added, dropCapabilities: dropped },
  };
}

const HOUR_MS = 3_600_000;

function readProbe(field: string, probe: Probe | undefined, place: ContainerPlace): ProbeSpec | null {
  if (!probe) return null;
  const times = {
    periodMs: probe.periodMs || 10_000,
    timeoutMs: probe.timeoutMs || 1000,
    initialDelayMs: probe.initialDelayMs,
    failureThreshold: probe.failureThreshold || 3,
  };
  for (const [name, value] of Object.entries(times))
    if (value > HOUR_MS) throw bad(`${field}.${name}`, `must be at most ${HOUR_MS}`, value);
  return { action: readAction(field, probe, place), ...times };
}

function readAction(
  field: string,
  { action }: Probe,
  { offer, network }: ContainerPlace,
): ProbeSpec['action'] {
  if (!action) throw bad(field, 'must have exec, tcp_port or http', 'none of them');
  if (action.$case === 'exec') {
    const { command } = action.value;
    if (command.length === 0) throw bad(`${field}.exec.command`, 'must have a program', '');
    checkCount(`${field}.exec.command`, command.length, MOST_ENTRIES);
    for (const word of command) checkText(`${field}.exec.command`, word, LONGEST_ARGUMENT);
    return { type: 'exec', command };
  }
  const name = action.$case === 'http' ? 'http.port' : 'tcp_port';
  const port = checkPort(
    `${field}.${name}`,
    action.$case === 'http' ? action.value.port : action.value,
    false,
  );
  if (network === 'none' || !offer.addresses)
    throw notOffered(`${field}.${name}`, 'the pod has no address that this host reaches: use exec');
  if (action.$case === 'tcpPort') return { type: 'tcp', port };
  const path = action.value.path || '/';
  if (!/^\/[\x21-\x7e]*$/.test(path))
    throw bad(`${field}.http.path`, 'must begin with / and hold no blanks', path);
  return { type: 'http', port, path };
}
