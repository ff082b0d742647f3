import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/**
 * Where one private podman keeps its things. `stateDir` lasts over a reboot (images, stopped containers, networks);
 * `runDir` does not matter after one (sockets, pid files, locks, namespaces' bookkeeping).
 */
export interface PodmanLayout {
  readonly stateDir: string;
  readonly runDir: string;
  /** Container storage, podman's `--root`. */
  readonly root: string;
  readonly runRoot: string;
  readonly tmpDir: string;
  readonly networkDir: string;
  readonly containersConf: string;
  readonly storageConf: string;
  /** Large temporary files of image loads; on the same disk as the images. */
  readonly scratchDir: string;
  readonly socket: string;
  readonly serviceLog: string;
  readonly lockFile: string;
  readonly probeFile: string;
}

export function shortHash(text: string, length = 10): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

/**
 * The default run directory and `tmpDir` are short on purpose: a unix socket path holds at most 107 bytes, and some of
 * those below have a container id of 64 in them.
 */
export function podmanLayout(stateDir: string, runDir?: string): PodmanLayout {
  const state = resolve(stateDir);
  const run = runDir === undefined ? `/run/edgeplane/podman-${shortHash(state)}` : resolve(runDir);
  return {
    stateDir: state,
    runDir: run,
    root: join(state, 'storage'),
    runRoot: join(run, 'storage'),
    tmpDir: join(run, 't'),
    networkDir: join(state, 'networks'),
    containersConf: join(state, 'containers.conf'),
    storageConf: join(state, 'storage.conf'),
    scratchDir: join(state, 'scratch'),
    socket: join(run, 'podman.sock'),
    serviceLog: join(run, 'service.log'),
    lockFile: join(state, 'agent.lock'),
    probeFile: join(state, 'probe.json'),
  };
}
