import {
  Kernel,
  MicroVMSpec,
  MicroVMStatus,
  type MicroVMStatus_MicroVMState,
  Mount_MountType,
  type NetworkInterface_IfaceType,
  type MicroVM as OldMicrovm,
  type MicroVMSpec as OldSpec,
} from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import { cmdlineText } from './cmdline.js';
import type { Microvm, MicrovmMount, MicrovmSpec, MicrovmState, MicrovmStatus } from './model.js';
import { timestampOf } from './timestamps.js';

/** This dialect has no word for a microVM that is being deleted, and shows what it was. */
const STATES: Readonly<Record<MicrovmState, MicroVMStatus_MicroVMState>> = {
  pending: 0,
  created: 1,
  failed: 2,
  deleting: 1,
};

/** What a caller of the dialect of 2021 asks for. What is missing is empty: checks come later. */
export function specOf2021(wire: OldSpec): MicrovmSpec {
  const kernel = wire.kernel ?? Kernel.create();
  return {
    id: wire.id,
    namespace: wire.namespace,
    labels: wire.labels,
    provider: '',
    vcpu: wire.vcpu,
    memoryMib: wire.memoryInMb,
    kernel: {
      image: kernel.image,
      filename: kernel.filename ?? '',
      cmdline: { kind: 'text', text: kernel.cmdline },
      addNetworkConfig: kernel.addNetworkConfig,
    },
    ...(wire.initrd && { initrd: { image: wire.initrd.image, filename: wire.initrd.filename ?? '' } }),
    volumes: wire.volumes.map((volume) => ({
      id: volume.id,
      isRoot: volume.isRoot,
      isReadOnly: volume.isReadOnly,
      mountPoint: volume.mountPoint,
      ...(volume.source?.containerSource !== undefined && { image: volume.source.containerSource }),
      ...(volume.partitionId !== undefined && { partitionId: volume.partitionId }),
      ...(volume.sizeInMb !== undefined && { sizeMib: volume.sizeInMb }),
    })),
    interfaces: wire.interfaces.map(({ guestDeviceName, type, allowMetadataReq, guestMac, address }) => ({
      name: guestDeviceName,
      type,
      metadata: allowMetadataReq,
      ...(guestMac && { mac: guestMac }),
      ...(address && { address: { address, nameservers: [] } }),
    })),
    metadata: wire.metadata,
    allowGuestAgent: false,
  };
}

/** A microVM for callers of the dialect of 2021. There is always a status. */
export function oldOf(vm: Microvm): OldMicrovm {
  return { version: vm.version, spec: oldSpecOf(vm), status: oldStatusOf(vm.status) };
}

export function oldSpecOf({ spec, ...times }: Microvm): OldSpec {
  const { kernel, initrd } = spec;
  return MicroVMSpec.fromPartial({
    ...{ id: spec.id, namespace: spec.namespace, vcpu: spec.vcpu, memoryInMb: spec.memoryMib },
    labels: { ...spec.labels },
    kernel: {
      image: kernel.image,
      filename: kernel.filename,
      cmdline: kernel.cmdline.kind === 'text' ? kernel.cmdline.text : cmdlineText(kernel.cmdline.words),
      addNetworkConfig: kernel.addNetworkConfig,
    },
    ...(initrd && { initrd: { ...initrd } }),
    volumes: spec.volumes.map(({ id, isRoot, isReadOnly, mountPoint, image, partitionId, sizeMib }) => ({
      ...{ id, isRoot, isReadOnly, mountPoint },
      source: image === undefined ? {} : { containerSource: image },
      ...(partitionId !== undefined && { partitionId }),
      ...(sizeMib !== undefined && { sizeInMb: sizeMib }),
    })),
    interfaces: spec.interfaces.map(({ name, type, metadata, mac, address }) => ({
      guestDeviceName: name,
      type: type as NetworkInterface_IfaceType,
      allowMetadataReq: metadata,
      ...(mac !== undefined && { guestMac: mac }),
      ...(address && { address: address.address }),
    })),
    metadata: { ...spec.metadata },
    createdAt: timestampOf(times.createdAt),
    ...(times.updatedAt !== undefined && { updatedAt: timestampOf(times.updatedAt) }),
    ...(times.deletedAt !== undefined && { deletedAt: timestampOf(times.deletedAt) }),
  });
}

function oldStatusOf(status: MicrovmStatus): MicroVMStatus {
  const { kernelMount, initrdMount } = status;
  const volumes = Object.entries(status.volumes).map(([id, mount]) => [id, { mount: wireMount(mount) }]);
  const links = Object.entries(status.links).map(([name, { hostDevice, index, mac }]) => [
    name,
    { hostDeviceName: hostDevice, index, macAddress: mac.toUpperCase() },
  ]);
  return MicroVMStatus.fromPartial({
    state: STATES[status.state],
    volumes: Object.fromEntries(volumes),
    ...(kernelMount && { kernelMount: wireMount(kernelMount) }),
    ...(initrdMount && { initrdMount: wireMount(initrdMount) }),
    networkInterfaces: Object.fromEntries(links),
    retry: status.retry,
    failureReason: status.reason,
    ...(status.nextAttemptAt !== undefined && { nextAttemptAt: timestampOf(status.nextAttemptAt) }),
  });
}

function wireMount({ type, source }: MicrovmMount) {
  return { type: type === 'dev' ? Mount_MountType.DEV : Mount_MountType.HOSTPATH, source };
}
