import type { PodContainerSpec, SandboxSpec } from '../../engines/podman/index.js';

/** What pods can have on this host. */
export interface HostOffer {
  /** The kernel enforces limits. */
  readonly limits: boolean;
  /** Pods have addresses that the host reaches. */
  readonly addresses: boolean;
}

export interface PodImage {
  readonly id: string;
  readonly digest: string;
}

export interface ImageWish {
  readonly image: string;
  readonly pull: 'absent' | 'always' | 'never';
}

/** What a host knows of a container. Times are Unix milliseconds, 0 for never. */
export interface ContainerFacts {
  readonly id: string;
  readonly digest: string;
  readonly running: boolean;
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Restarts that the runtime made by itself. */
  readonly restarts: number;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly error: string;
}

/** What a host knows of a pod. */
export interface PodFacts {
  /** False when its sandbox does not run, as after a boot. */
  readonly up: boolean;
  readonly addresses: readonly string[];
  readonly containers: ReadonlyMap<string, ContainerFacts>;
}

/**
 * Pods of one machine. Names are those on the host. Every step may be repeated, also after a kill in the middle of it;
 * callers make sure that no two run for the same pod at once.
 */
export interface PodHost {
  readonly offer: HostOffer;
  /** Bytes that fetching the image is going to take, as far as that can be seen. */
  imageBytes(image: string, signal: AbortSignal): Promise<number>;
  /** Brings an image here. @throws EdgeplaneError with where it was looked for */
  image(wish: ImageWish, signal: AbortSignal): Promise<PodImage>;
  /** Makes sandbox and volumes, and starts the sandbox. */
  ensureSandbox(spec: SandboxSpec): Promise<void>;
  /** Makes a container in a pod whose sandbox runs, and starts it. */
  run(pod: string, spec: PodContainerSpec): Promise<void>;
  /** Waits for the end of its program; the exit code. */
  ended(pod: string, container: string, signal: AbortSignal): Promise<number>;
  /** Nothing running is success. */
  stop(pod: string, container: string, graceMs: number): Promise<void>;
  /** All of a pod; none is success. */
  remove(pod: string): Promise<void>;
  /** Removes a network unless pods are on it; none is success. */
  leaveNetwork(name: string): Promise<void>;
  facts(pod: string): Promise<PodFacts | undefined>;
  /** Names of all pods of this owner. */
  names(): Promise<readonly string[]>;
  /** Runs a program beside a container's own; its exit code. */
  exec(pod: string, container: string, argv: readonly string[], timeoutMs: number): Promise<number>;
  /** Undefined when nothing on the host keeps the port. */
  portHeldBy(proto: 'tcp' | 'udp', address: string, port: number): Promise<string | undefined>;
  /** User and group of a process; zeros when it is gone. */
  userOf(pid: number): Promise<{ readonly uid: number; readonly gid: number }>;
}
