export { type Accelerator, type ProbeOptions, probeAccelerator } from './accelerator.js';
export { type AcceleratorName, type DiskArg, macOf, qemuArgs, type VmPaths } from './args.js';
export { seedFiles, seedImage } from './cloud-init.js';
export {
  type Availability,
  QemuEngine,
  type QemuEngineOptions,
  type VmStats,
  type VmStatus,
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
export { QmpClient, type QmpEvent, type QmpOptions } from './qmp.js';
export { type WaitOptions, waitForHttp, waitForTcp } from './reachable.js';
export {
  type CloudInit,
  checkSpec,
  type ExtraDisk,
  type HostForward,
  type KernelBoot,
  type VmSpec,
} from './spec.js';
export type { StopMeans, VmState, VmStep } from './vm.js';
