export { type Accelerator, type ProbeOptions, probeAccelerator } from './accelerator.js';
export { qemuArgs, type VmPaths } from './args.js';
export { seedFiles, seedImage } from './cloud-init.js';
export type { DiskArg } from './disk-args.js';
export {
  type Availability,
  QemuEngine,
  type QemuEngineOptions,
} from './engine.js';
export { qemuErrors } from './errors.js';

export type { GuestAddress, GuestInfo } from './guest-info.js';
export {
  type BaseImage,
  createDisk,
  type DiskFormat,
  type ImageSource,
  ImageStore,
  type ImageStoreOptions,
  inspectImage,
  parseImageSource,
} from './images.js';
export type { AcceleratorName, HostTraits } from './machine-args.js';
export { macOf, tapName } from './network-args.js';
export type { BridgeNic, HostForward, MetadataNic, Nic, TapNic, UserNic } from './network-spec.js';
export { QmpClient, type QmpEvent, type QmpOptions } from './qmp.js';
export { type WaitOptions, waitForHttp, waitForTcp } from './reachable.js';
export {
  type CloudInit,
  checkSpec,
  type ExtraDisk,
  type KernelBoot,
  type VmSpec,
} from './spec.js';
export type { StopMeans, VmState, VmStep } from './vm.js';
export type { CloneRequest, VmClones } from './vm-clones.js';
export type { VmGuest } from './vm-guest.js';
export type { VmNetwork } from './vm-network.js';
export type { ResourceReport, ResourceState, VmResources } from './vm-resources.js';
export type { VmRevision } from './vm-revision.js';
export type { SnapshotInfo, SnapshotRequest, VmSnapshots } from './vm-snapshots.js';
export type { VmStats } from './vm-stats.js';
export type { VmStatus } from './vm-table.js';
export type { DiskInfo, ExportedDisk, ExportRequest, ImportRequest, VmTransfer } from './vm-transfer.js';
export { VncGateway, type VncGatewayOptions, type VncTicket } from './vnc-gateway.js';
