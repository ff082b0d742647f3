import {
  type MicroVM as CurrentMicrovm,
  type MicroVMSpec as CurrentSpec,
  Kernel,
  MicroVMSpec,
  MicroVMStatus,
  type MicroVMStatus_MicroVMState,
  Mount_MountType,
  type NetworkInterface,
  type NetworkInterface_IfaceType,
  NetworkInterface as NetworkInterfaceMessage,
  type Volume,
  Volume as VolumeMessage,
  VolumeSource,
} from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { cmdlineWords } from './cmdline.js';
import type {
  Microvm,
  MicrovmInterface,
  MicrovmMount,
  MicrovmSpec,
  MicrovmState,
  MicrovmStatus,
  MicrovmVolume,
} from './model.js';
import { timestampOf } from './timestamps.js';

const STATES: Readonly<Record<MicrovmState, MicroVMStatus_MicroVMState>> = {
  pending: 0,
  created: 1,
  failed: 2,
  deleting: 3,
};

/** What a caller of the current dialect asks for. What is missing is empty: checks come later. */
export function specOfCurrent(wire: CurrentSpec): MicrovmSpec {
  const kernel = wire.kernel ?? Kernel.create();
  const root = wire.rootVolume;
  const first = root && volumeOf(root, true);
  return {
    id: wire.id,
    namespace: wire.namespace,
    labels: wire.labels,
    provider: wire.provider ?? '',
    vcpu: wire.vcpu,
    memoryMib: wire.memoryInMb,
    kernel: {
      image: kernel.image,
      filename: kernel.filename ?? '',
      cmdline: { kind: 'words', words: kernel.cmdline },
      addNetworkConfig: kernel.addNetworkConfig,
    },
    ...(wire.initrd && { initrd: { image: wire.initrd.image, filename: wire.initrd.filename ?? '' } }),
    volumes: [
      ...(first && !isNothing(first) ? [first] : []),
      ...wire.additionalVolumes.map((volume) => volumeOf(volume, false)),
    ],
    interfaces: wire.interfaces.map(interfaceOf),
    metadata: wire.metadata,
    allowGuestAgent: wire.allowGuestAgent,
  };
}

function volumeOf(wire: Volume, isRoot: boolean): MicrovmVolume {
  const { containerSource, virtiofsSource } = wire.source ?? VolumeSource.create();
  return {
    id: wire.id,
    isRoot,
    isReadOnly: wire.isReadOnly,
    mountPoint: wire.mountPoint ?? '',
    ...(containerSource !== undefined && { image: containerSource }),
    ...(virtiofsSource !== undefined && { virtiofs: virtiofsSource }),
    ...(wire.partitionId !== undefined && { partitionId: wire.partitionId }),
    ...(wire.sizeInMb !== undefined && { sizeMib: wire.sizeInMb }),
  };
}

/** Clients send a root volume of no members when they mean none. */
function isNothing({ id, isReadOnly, image, virtiofs, partitionId, sizeMib }: MicrovmVolume): boolean {
  return id === '' && !isReadOnly && !image && !virtiofs && !partitionId && !sizeMib;
}

function interfaceOf(wire: NetworkInterface): MicrovmInterface {
  const { address, guestMac, overrides } = wire;
  return {
    name: wire.deviceId,
    type: wire.type,
    metadata: false,
    ...(guestMac && { mac: guestMac }),
    ...(address && {
      address: {
        address: address.address,
        ...(address.gateway !== undefined && { gateway: address.gateway }),
        nameservers: address.nameservers,
      },
    }),
    ...(overrides?.bridgeName && { bridge: overrides.bridgeName }),
  };
}

/** A microVM for callers of the current dialect. The specification has its uid, and there is always a status. */
export function currentOf(vm: Microvm): CurrentMicrovm {
  return { version: vm.version, spec: currentSpecOf(vm), status: currentStatusOf(vm.status) };
}

export function currentSpecOf({ uid, spec, ...times }: Microvm): CurrentSpec {
  const { kernel, initrd, volumes } = spec;
  const root = volumes.find(({ isRoot }) => isRoot);
  return MicroVMSpec.fromPartial({
    ...{ id: spec.id, namespace: spec.namespace, uid, vcpu: spec.vcpu, memoryInMb: spec.memoryMib },
    labels: { ...spec.labels },
    kernel: {
      image: kernel.image,
      filename: kernel.filename,
      cmdline: {
        ...(kernel.cmdline.kind === 'words' ? kernel.cmdline.words : cmdlineWords(kernel.cmdline.text)),
      },
      addNetworkConfig: kernel.addNetworkConfig,
    },
    ...(initrd && { initrd: { ...initrd } }),
    ...(root && { rootVolume: wireVolume(root) }),
    additionalVolumes: volumes.filter((volume) => volume !== root).map(wireVolume),
    interfaces: spec.interfaces.map(wireInterface),
    metadata: { ...spec.metadata },
    createdAt: timestampOf(times.createdAt),
    ...(times.updatedAt !== undefined && { updatedAt: timestampOf(times.updatedAt) }),
    ...(times.deletedAt !== undefined && { deletedAt: timestampOf(times.deletedAt) }),
    ...(spec.provider !== '' && { provider: spec.provider }),
    allowGuestAgent: spec.allowGuestAgent,
  });
}

function wireVolume(volume: MicrovmVolume): Volume {
  const { id, isReadOnly, mountPoint, image, virtiofs, partitionId, sizeMib } = volume;
  return VolumeMessage.fromPartial({
    ...{ id, isReadOnly },
    ...(mountPoint !== '' && { mountPoint }),
    source: {
      ...(image !== undefined && { containerSource: image }),
      ...(virtiofs !== undefined && { virtiofsSource: virtiofs }),
    },
    ...(partitionId !== undefined && { partitionId }),
    ...(sizeMib !== undefined && { sizeInMb: sizeMib }),
  });
}

function wireInterface({ name, type, mac, address, bridge }: MicrovmInterface): NetworkInterface {
  return NetworkInterfaceMessage.fromPartial({
    deviceId: name,
    type: type as NetworkInterface_IfaceType,
    ...(mac !== undefined && { guestMac: mac }),
    ...(address && { address: { ...address, nameservers: [...address.nameservers] } }),
    ...(bridge !== undefined && { overrides: { bridgeName: bridge } }),
  });
}

function currentStatusOf(status: MicrovmStatus): MicroVMStatus {
  const { kernelMount, initrdMount } = status;
  return MicroVMStatus.fromPartial({
    state: STATES[status.state],
    volumes: mapValues(status.volumes, (mount) => ({ mount: wireMount(mount) })),
    ...(kernelMount && { kernelMount: wireMount(kernelMount) }),
    ...(initrdMount && { initrdMount: wireMount(initrdMount) }),
    networkInterfaces: mapValues(status.links, ({ hostDevice, index, mac }) => ({
      hostDeviceName: hostDevice,
      index,
      macAddress: mac.toUpperCase(),
    })),
    retry: status.retry,
    failureReason: status.reason,
    ...(status.nextAttemptAt !== undefined && { nextAttemptAt: timestampOf(status.nextAttemptAt) }),
  });
}

function wireMount({ type, source }: MicrovmMount) {
  return { type: type === 'dev' ? Mount_MountType.DEV : Mount_MountType.HOSTPATH, source };
}

function mapValues<A, B>(from: Readonly<Record<string, A>>, fn: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, fn(value)]));
}
