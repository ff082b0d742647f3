import type { Readable } from 'node:stream';
import type { TerminalSize } from '@edgeplane/remote-shell';
import type { ClusterNetwork } from '../../engines/network/index.js';
import type { ContainerSpec, KubeSpec, WorkloadUsage } from '../../engines/podman/index.js';
import type { VmSpec } from '../../engines/qemu/index.js';
import type { SshTarget } from '../../engines/ssh/index.js';
import type { Shell, ShellRequest } from '../../exec/shell.js';
import type { Need } from '../../site/admission.js';
import type { Operation } from '../driver.js';
import type { InstancePorts } from '../public-ports.js';

/** Networks of clusters, as the driver uses them. */
export interface NetworkEngine {
  /** Why there can be none; undefined when there can. */
  unavailable(): Promise<string | undefined>;
  bridgeName(keyJson: string): string;
  chooseSubnet(others: readonly string[], seed: number): Promise<string>;
  ensure(network: ClusterNetwork): Promise<void>;
  remove(bridge: string): Promise<void>;
  sweep(known: ReadonlySet<string>): Promise<void>;
}

export interface MachineStatus {
  readonly id: string;
  readonly state: string;
  readonly reason?: string;
  /** What its guest, which stands still, waits for. */
  readonly trouble?: string;
  readonly spec?: Pick<VmSpec, 'labels'>;
}

/** Machines, as the driver uses them. */
export interface MachineEngine {
  available(): Promise<{ readonly available: boolean; readonly reason: string }>;
  recover(): Promise<readonly MachineStatus[]>;
  list(): Promise<readonly MachineStatus[]>;
  create(spec: VmSpec): Promise<MachineStatus>;
  start(id: string): Promise<MachineStatus>;
  stop(id: string, options: { readonly graceMs: number }): Promise<unknown>;
  destroy(id: string): Promise<void>;
  status(id: string): Promise<MachineStatus>;
  consoleTail(id: string, bytes?: number): Promise<string>;
  close(): Promise<void>;
}

/** The podman of a node, through a connection that nobody else can use. */
export interface NodeLink {
  /** Why podman does not answer; undefined when it does. Never rejects. */
  silence(signal: AbortSignal): Promise<string | undefined>;
  loadImage(id: string, archive: () => Promise<Readable>, signal: AbortSignal): Promise<void>;
  runContainer(spec: ContainerSpec): Promise<unknown>;
  /** Gives back what of the manifest has no effect. */
  playKube(spec: KubeSpec): Promise<{ readonly warnings: readonly string[] }>;
  remove(name: string): Promise<void>;
  list(): Promise<readonly { readonly name: string }[]>;
  /** Puts in order what a cut-off machine left in podman's storage. */
  recover(): Promise<void>;
  /** Resolves when what is on the node's disk would survive a loss of power; podman does not wait for that itself. */
  flush(signal: AbortSignal): Promise<void>;
  usage(name: string): Promise<WorkloadUsage>;
  diskBytes(name: string): Promise<number>;
  containerNames(name: string): Promise<readonly string[]>;
  openShell(
    container: string,
    request: Pick<ShellRequest, 'command' | 'plain'>,
    size: TerminalSize,
    signal: AbortSignal,
  ): Promise<Shell>;
  close(): void;
}

/** An image on this host. */
export interface HostImage {
  readonly id: string;
  archive(signal: AbortSignal): Promise<Readable>;
}

/** Images of this host, which nodes get theirs from. */
export interface ImageSource {
  /** Finds the image, or fetches it. @throws naming it and where it was looked for */
  hostImage(image: string, operation: Operation): Promise<HostImage>;
}

/** Whether the host has room for machines; see site/admission.ts. */
export interface Admitter {
  admit<T>(need: Need, work: () => Promise<T>): Promise<T>;
}

/** All that the driver does on the host goes through these. */
export interface ClusterEngines {
  readonly networks: NetworkEngine;
  readonly machines: MachineEngine;
  readonly images: ImageSource;
  readonly ports: InstancePorts;
  readonly admission: Admitter;
  connect(target: SshTarget): NodeLink;
}
