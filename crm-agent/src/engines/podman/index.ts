export type { Labels } from './api-caller.js';
export { frames } from './api-streams.js';
export type { ContainerInspect, ExecResult, ImageConfig, PodmanEvent } from './api-types.js';
export { PodmanClient } from './client.js';
export type { ExecSpec, ExecState } from './client-exec.js';
export type { Death } from './death-watch.js';
export {
  type OwnedObjects,
  PodmanEngine,
  type PodmanEngineOptions,
  type RecoverReport,
} from './engine.js';
export { podmanErrors } from './errors.js';
export type { CallOptions, Endpoint } from './http.js';
export { fullName } from './image-ref.js';
export type { EnsureImageOptions, LocalImage } from './images.js';
export { type KubeContext, type KubePlan, planKube } from './kube.js';
export { type PodmanLayout, podmanLayout } from './layout.js';
export type {
  GroupLimits,
  PodContainerSpec,
  SandboxSpec,
} from './pod-spec.js';
export type { PodFacts } from './pods.js';
export { type ProbeOptions, type ProbeResult, probePodman } from './probe.js';
export { credentialsFor } from './registry-auth.js';
export { httpsGet, registryBytes } from './registry-size.js';
export { RemotePodman, type RemotePodmanOptions } from './remote.js';
export { type Availability, available } from './requirements.js';
export { PodmanService, type PodmanServiceOptions } from './service.js';
export { globalFlags, type PodmanSettings, podmanEnv } from './settings.js';
export {
  type ContainerSpec,
  DEFAULT_PIDS,
  type KubeSpec,
  LABEL,
  type PortMapping,
  specHash,
  type WorkloadLimits,
} from './spec.js';
export type { WorkloadState, WorkloadStatus, WorkloadSummary } from './status.js';
export type { WorkloadUsage } from './usage.js';
export type { WorkloadHandle } from './workloads.js';
