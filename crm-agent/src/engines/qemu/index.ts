export { type Accelerator, type ProbeOptions, probeAccelerator } from './accelerator.js';
export { type DiskArg, qemuArgs, type VmPaths } from './args.js';
export { seedFiles, seedImage } from './cloud-init.js';
export {
  type Availability,
  QemuEngine,
  type QemuEngineOptions,
  type VmStats,
} from './engine.js';
export { qemuErrors } from './errors.js';
export {
  type BaseImage,
  createDisk,
  type Digest,
  type DiskFormat,
  type ImageSource,
  ImageStore,
  type ImageStoreOptions,
  inspectImage,
  parseImageSource,
} from './images.js';
export type { AcceleratorName, HostTraits } from './machine-args.js';
export { macOf } from './network-args.js';
export type { BridgeNic, HostForward, Nic, TapNic, UserNic } from './network-spec.js';
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
export type { VmNetwork } from './vm-network.js';
export type { VmStatus } from './vm-table.js';
