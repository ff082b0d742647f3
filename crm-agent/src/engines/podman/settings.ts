import type { PodmanLayout } from './layout.js';

/** How podman has to be set up on this host; found by running containers, see probe.ts. */
export interface PodmanSettings {
  readonly runtime: 'crun' | 'runc';
  readonly cgroupManager: 'cgroupfs' | 'systemd';
  /** `name=soft:hard`; empty means podman's own defaults. */
  readonly ulimits: readonly string[];
  /** False where the kernel refuses memory, CPU or process limits. */
  readonly limits: boolean;
  readonly storageDriver: 'overlay' | 'vfs';
  /** Set when overlay works only through this FUSE program. */
  readonly mountProgram?: string;
  /** `bridge` is netavark with DNAT; `slirp4netns` a userspace network for each container or pod. */
  readonly network: 'bridge' | 'slirp4netns';
}

/** Ports go through podman's own forwarder: that of slirp4netns loses datagrams. */
export const SLIRP_MODE = 'slirp4netns';

/** Strings and lists of strings in JSON form are valid TOML. */
const toml = (value: string | boolean | readonly string[]): string => JSON.stringify(value);

/**
 * `lock_type` is `file` because the default is one shared-memory segment for all podmans of a host, and a podman
 * that starts with empty state frees every lock in it. `exit_command_delay` is for how many seconds the result of an
 * exec can be asked for; its conmon lingers for that long, by default 300. `addresses`: what those begin with that
 * it hands out.
 */
export function containersConf(
  layout: PodmanLayout,
  settings: PodmanSettings,
  addresses: readonly string[],
): string {
  const pools = addresses.map((prefix) => `{ "base" = "${prefix}0.0/16", "size" = 24 }`);
  return `# Written by the edge agent at each start.
[containers]
default_ulimits = ${toml(settings.ulimits)}
log_driver = "k8s-file"
log_size_max = 10485760
[engine]
runtime = ${toml(settings.runtime)}
cgroup_manager = ${toml(settings.cgroupManager)}
events_logger = "file"
lock_type = "file"
exit_command_delay = 10
tmp_dir = ${toml(layout.tmpDir)}
image_copy_tmp_dir = ${toml(layout.scratchDir)}
[network]
network_backend = "netavark"
network_config_dir = ${toml(layout.networkDir)}
default_subnet_pools = [${pools.join(', ')}]
`;
}

export function storageConf(layout: PodmanLayout, settings: PodmanSettings): string {
  const options =
    settings.mountProgram === undefined
      ? ''
      : `[storage.options.overlay]\nmount_program = ${toml(settings.mountProgram)}\n`;
  return `# Written by the edge agent at each start.
[storage]
driver = ${toml(settings.storageDriver)}
graphroot = ${toml(layout.root)}
runroot = ${toml(layout.runRoot)}
${options}`;
}

/** Flags that hold podman to the private state whatever its defaults are; conmon hands them on to its exit command. */
export function globalFlags(layout: PodmanLayout, settings: PodmanSettings): string[] {
  return [
    ...['--root', layout.root, '--runroot', layout.runRoot, '--tmpdir', layout.tmpDir],
    ...['--network-config-dir', layout.networkDir, '--network-backend', 'netavark'],
    ...['--cgroup-manager', settings.cgroupManager, '--runtime', settings.runtime],
    ...['--storage-driver', settings.storageDriver, '--events-backend', 'file', '--log-level', 'error'],
  ];
}

/** The whole environment of a podman process: nothing of the caller's but its search path. */
export function podmanEnv(layout: PodmanLayout, base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return {
    PATH: searchPath(base),
    HOME: layout.stateDir,
    LANG: 'C.UTF-8',
    TMPDIR: layout.scratchDir,
    CONTAINERS_CONF: layout.containersConf,
    CONTAINERS_STORAGE_CONF: layout.storageConf,
    ...proxies(base),
  };
}

/** Registry pulls go through the proxies the operator gave the agent. */
function proxies(base: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
  const both = names.flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(both.filter((name) => base[name]).map((name) => [name, base[name]]));
}

export function searchPath(base: NodeJS.ProcessEnv = process.env): string {
  return `${base['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;
}
