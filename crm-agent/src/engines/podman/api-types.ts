/** The members of podman's answers that we read; podman sends many more. */

export interface ApiVersion {
  readonly Version: string;
  readonly ApiVersion: string;
}

export interface ImageInspect {
  readonly Id: string;
  readonly Digest: string;
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  readonly Config?: ImageConfig | null;
}

/** How the program of an image is started. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly User?: string;
}

export interface NetworkInspect {
  readonly name: string;
  readonly id: string;
  readonly network_interface: string;
  readonly subnets?: readonly { readonly subnet: string; readonly gateway?: string }[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface NetworkCreate {
  readonly name: string;
  readonly network_interface?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly dns_enabled?: boolean;
  readonly subnets?: readonly { readonly subnet: string; readonly gateway?: string }[];
}

export interface ContainerListed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Pod: string;
  readonly PodName: string;
  readonly IsInfra: boolean;
  readonly ExitCode: number;
  readonly Image: string;
  /** Only when asked for. */
  readonly Size?: { readonly rwSize?: number } | null;
  readonly Ports?:
    | readonly {
        readonly host_ip?: string;
        readonly host_port: number;
        readonly container_port: number;
        readonly range?: number;
        readonly protocol: string;
      }[]
    | null;
}

export interface ContainerInspect {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly ImageName?: string;
  readonly ImageDigest?: string;
  /** How often podman started it again by itself. */
  readonly RestartCount?: number;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Pid: number;
    readonly ConmonPid?: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt?: string;
  };
  /** Programs that run in it beside its own. */
  readonly ExecIDs?: readonly string[] | null;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly NetworkSettings: {
    readonly SandboxKey?: string;
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>> | null;
  };
}

export interface ContainerStats {
  readonly ContainerID: string;
  readonly Name: string;
  readonly CPUNano: number;
  readonly MemUsage: number;
  readonly MemLimit: number;
  readonly NetInput: number;
  readonly NetOutput: number;
  readonly BlockInput: number;
  readonly BlockOutput: number;
  readonly PIDs: number;
}

export interface PodListed {
  readonly Id: string;
  readonly Name: string;
  readonly Status: string;
  readonly InfraId: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface VolumeListed {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface PlayKubeReport {
  readonly Pods:
    | readonly { readonly ID: string; readonly ContainerErrors: readonly string[] | null }[]
    | null;
}

export interface PodmanEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly timeNano: number;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}
