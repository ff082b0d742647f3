import { type CloudInit, macOf, type Nic, type VmSpec } from '../../engines/qemu/index.js';
import { cmdlineOf } from './cmdline.js';
import { guestDocuments } from './guest-documents.js';
import { guestVolumes, NO_ROOT, rootArgument } from './guest-volumes.js';
import {
  type Dialect,
  INTERFACE_TYPES,
  type Microvm,
  type MicrovmInterface,
  type MicrovmSpec,
} from './model.js';

/** What a machine is made of, once it is on the host: paths. */
export interface Materials {
  readonly kernel: string;
  readonly initrd?: string;
  /** By place among the guest's disks, root first. */
  readonly disks: readonly string[];
}

/** How guests reach the network of this host. Empty where there is nothing of the kind. */
export interface NetworkSettings {
  /** Bridge that tap devices are put on. */
  readonly bridge: string;
  /** Interface that macvtap devices are on. */
  readonly parent: string;
}

export type Board = NonNullable<VmSpec['machine']>;

/** Names of monitors that clients know stand for QEMU; what they ask of one beyond that is refused by name elsewhere. */
const BOARDS: Readonly<Record<string, Board>> = {
  '': 'q35',
  firecracker: 'q35',
  cloudhypervisor: 'q35',
  qemu: 'q35',
  'qemu-microvm': 'microvm',
};

/** The kind of machine behind the name of a provider; undefined when nobody here knows it. */
export function boardOf(provider: string): Board | undefined {
  return Object.hasOwn(BOARDS, provider) ? BOARDS[provider] : undefined;
}

/** Labels by which a machine is told to be of the present specification. */
export function machineLabels({ uid, generation }: Microvm): Readonly<Record<string, string>> {
  return { uid, generation: String(generation) };
}

/** Serial of a disk in the guest: the volume's id where it can be one. */
function serialOf(id: string, index: number): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/.test(id) && id !== 'boot' && id !== 'cidata'
    ? id
    : `volume-${index}`;
}

/**
 * The machine of a microVM: pure, so that what a host cannot make is refused before anything of it is there.
 * @throws EdgeplaneError naming the member that cannot be, from here or from `checkSpec`
 */
export function machineOf(
  vm: Microvm,
  materials: Materials,
  network: NetworkSettings,
  verb: string,
  dialect: Dialect = 'current',
): VmSpec {
  const { uid, spec } = vm;
  const machine = boardOf(spec.provider) ?? 'q35';
  const nics = spec.interfaces.map((nic, index) => nicOf(nic, uid, index, network));
  const withMacs = spec.interfaces.map((nic, index) => ({ ...nic, mac: nics[index]?.mac ?? '' }));
  const documents = guestDocuments({ ...spec, interfaces: withMacs }, uid, dialect, verb);
  const volumes = guestVolumes(spec);
  const root = volumes[0] ?? NO_ROOT;
  const carried = Buffer.from(documents['network-config'] ?? '').toString('base64');
  const cmdline = cmdlineOf(spec.kernel.cmdline, {
    root: rootArgument(root),
    readOnlyRoot: root.isReadOnly,
    metadata: spec.interfaces.some(({ metadata }) => metadata),
    pci: machine !== 'microvm',
    ...(spec.kernel.addNetworkConfig && { networkConfig: carried }),
  });
  return {
    id: uid,
    ...{ machine, cpus: spec.vcpu, memoryMib: spec.memoryMib, nics },
    image: materials.disks[0] ?? '',
    ...(root.isReadOnly && { bootReadOnly: true }),
    extraDisks: volumes.slice(1).map(({ id, isReadOnly }, i) => ({
      name: serialOf(id, i + 1),
      image: materials.disks[i + 1] ?? '',
      readOnly: isReadOnly,
    })),
    kernel: {
      path: materials.kernel,
      ...(materials.initrd !== undefined && { initrd: materials.initrd }),
      cmdline,
    },
    cloudInit: cloudInitOf(spec, uid, documents),
    endsOnReset: true,
    labels: machineLabels(vm),
  };
}

function nicOf(
  nic: MicrovmInterface,
  uid: string,
  index: number,
  network: NetworkSettings,
): Nic & { mac: string } {
  const kind = linkOf(nic, network);
  const mac = nic.mac === undefined ? macOf(uid, index, kind.type) : plainMac(nic.mac);
  return { ...kind, mac };
}

/** What has no place on the host's network is on one of its own, and the status tells. */
function linkOf(nic: MicrovmInterface, { bridge, parent }: NetworkSettings): Nic {
  if (nic.metadata) return { type: 'metadata' };
  const isTap = nic.type === INTERFACE_TYPES.tap;
  const own = nic.bridge ?? bridge;
  if (isTap && own !== '') return { type: 'bridge', bridge: own };
  if (!isTap && parent !== '') return { type: 'macvtap', parent };
  return { type: 'user' };
}

/** Six bytes with colons, from any way of writing them. */
function plainMac(mac: string): string {
  const digits = mac.toLowerCase().replace(/[^0-9a-f]/g, '');
  return (digits.match(/../g) ?? []).join(':');
}

function cloudInitOf(spec: MicrovmSpec, uid: string, documents: Readonly<Record<string, string>>): CloudInit {
  const hostname = spec.id
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 63)
    .replace(/[.-]+$/, '');
  return { instanceId: uid, hostname: hostname || `microvm-${uid.toLowerCase()}`, documents };
}
