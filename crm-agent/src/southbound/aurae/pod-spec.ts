import { type GroupLimits, specHash } from '../../engines/podman/index.js';

/** A pod as its caller wants it, checked and with every default filled in. Plain JSON: it is kept on disk. */
export interface PodSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly ContainerSpec[];
  readonly limits: GroupLimits;
  readonly network: 'bridge' | 'none';
  readonly ports: readonly PortSpec[];
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly volumes: readonly VolumeSpec[];
  readonly restart: 'always' | 'on-failure' | 'no';
  readonly hostname: string;
  readonly sharePid: boolean;
  readonly graceMs: number;
}

export interface PortSpec {
  readonly proto: 'tcp' | 'udp';
  readonly containerPort: number;
  /** 0: the host chooses. */
  readonly hostPort: number;
  readonly hostIp: string;
}

export interface VolumeSpec {
  readonly name: string;
  readonly inMemory: boolean;
}

export interface MountSpec {
  readonly volume: string;
  readonly path: string;
  readonly readOnly: boolean;
}

export interface ContainerSpec {
  readonly name: string;
  /** With its registry. */
  readonly image: string;
  readonly pull: 'absent' | 'always' | 'never';
  /** Empty: any. */
  readonly digest: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly limits: GroupLimits;
  readonly mounts: readonly MountSpec[];
  readonly user: string;
  readonly readOnlyRoot: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly liveness: ProbeSpec | null;
  readonly readiness: ProbeSpec | null;
  /** Runs to its end before the others start. */
  readonly init: boolean;
}

export interface ProbeSpec {
  readonly action:
    | { readonly type: 'exec'; readonly command: readonly string[] }
    | { readonly type: 'tcp'; readonly port: number }
    | { readonly type: 'http'; readonly port: number; readonly path: string };
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly initialDelayMs: number;
  readonly failureThreshold: number;
}

/** The same for equal specs. */
export const podHash = (spec: PodSpec): string => specHash(spec);

export const sameContainer = (a: ContainerSpec, b: ContainerSpec): boolean => specHash(a) === specHash(b);
