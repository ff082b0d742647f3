import { isCidr, isImageUri, isIpAddress, isMac } from './formats.js';
import {
  type Dialect,
  INTERFACE_TYPES,
  type MicrovmInterface,
  type MicrovmSpec,
  type MicrovmVolume,
} from './model.js';

/** One rule that does not hold: where, which member, which rule. */
interface Failure {
  readonly path: string;
  readonly field: string;
  readonly tag: string;
}

/** A member is held against its rules in order, and the first that does not hold is told. */
type Rules = readonly (readonly [tag: string, holds: boolean])[];

/**
 * What of a specification breaks flintlock's rules, in the words and the order of its validator: tools show the text to
 * people. Empty when all is well (flintlock spec section 2.3).
 * @param withVolumes false where volumes are those of before, which may be in the words of the other dialect
 */
export function validationText(spec: MicrovmSpec, dialect: Dialect, withVolumes = true): string {
  const ofVolumes = dialect === '2021' ? volumes2021 : volumes;
  const failures = [...commonFailures(spec, dialect), ...(withVolumes ? ofVolumes(spec) : [])];
  if (failures.length === 0) return '';
  const lines = failures.map(
    ({ path, field, tag }) =>
      `Key: 'MicroVM.${path}' Error:Field validation for '${field}' failed on the '${tag}' tag`,
  );
  return `validation failures found: ${lines.join('\n')}`;
}

function* commonFailures(spec: MicrovmSpec, dialect: Dialect): Generator<Failure> {
  const { kernel, initrd, vcpu, memoryMib, interfaces } = spec;
  const image: Rules = [
    ['required', kernel.image !== ''],
    ['imageURI', isImageUri(kernel.image)],
  ];
  yield* first('Spec.Kernel.Image', 'Image', image);
  yield* first('Spec.Kernel.Filename', 'Filename', [['required', kernel.filename !== '']]);
  if (initrd) yield* first('Spec.Initrd.Image', 'Image', [['imageURI', isImageUri(initrd.image)]]);
  yield* first('Spec.VCPU', 'VCPU', [
    ['required', vcpu !== 0],
    ['gte', vcpu >= 1],
    ['lte', vcpu <= 64],
  ]);
  yield* first('Spec.MemoryInMb', 'MemoryInMb', [
    ['required', memoryMib !== 0],
    ['gte', memoryMib >= 1024],
    ['lte', memoryMib <= 32_768],
  ]);
  const list = 'NetworkInterfaces';
  yield* first(`Spec.${list}`, list, [['required', interfaces.length > 0]]);
  for (const [i, nic] of interfaces.entries()) yield* interfaceFailures(nic, `Spec.${list}[${i}]`, dialect);
}

function* interfaceFailures(nic: MicrovmInterface, at: string, dialect: Dialect): Generator<Failure> {
  yield* first(`${at}.GuestDeviceName`, 'GuestDeviceName', [
    ['required', nic.name !== ''],
    ['excludesall', !/[/@]/.test(nic.name)],
    ['guestDeviceName', /^[a-z][a-z0-9_]*$/.test(nic.name)],
  ]);
  const { mac, type, address } = nic;
  if (mac !== undefined) yield* first(`${at}.GuestMAC`, 'GuestMAC', [['mac', isMac(mac)]]);
  yield* first(`${at}.Type`, 'Type', [
    ['oneof', (Object.values(INTERFACE_TYPES) as number[]).includes(type)],
  ]);
  if (!address) return;
  const inner = dialect === '2021' ? at : `${at}.StaticAddress`;
  yield* first(`${inner}.Address`, 'Address', [['cidr', isCidr(address.address)]]);
  if (address.gateway !== undefined)
    yield* first(`${inner}.Gateway`, 'Gateway', [['cidr', isCidr(address.gateway)]]);
  for (const [i, server] of address.nameservers.entries()) {
    const name = `Nameservers[${i}]`;
    yield* first(`${inner}.${name}`, name, [['ip', isIpAddress(server)]]);
  }
}

function* volumes({ volumes: all, initrd }: MicrovmSpec): Generator<Failure> {
  const root = all.find(({ isRoot }) => isRoot);
  const others = all.filter((volume) => volume !== root);
  if (root) yield* first('Spec.RootVolume', 'RootVolume', [['novirtiofs', root.virtiofs === undefined]]);
  yield* first('Spec.AdditionalVolumes', 'AdditionalVolumes', [
    ['onlyOneVirtioFS', others.filter(({ virtiofs }) => virtiofs !== undefined).length <= 1],
    ['multipleVolSources', !others.some(hasBothSources)],
  ]);
  yield* first('Spec.root_volume', 'root_volume', [
    ['volumeOrInitrdRequired', root !== undefined || initrd !== undefined],
  ]);
}

function* volumes2021({ volumes: all, initrd }: MicrovmSpec): Generator<Failure> {
  yield* first('Spec.Volumes', 'Volumes', [['required', all.length > 0]]);
  for (const [i, { mountPoint }] of all.entries())
    yield* first(`Spec.Volumes[${i}].MountPoint`, 'MountPoint', [
      ['required', mountPoint !== ''],
      ['startswith', mountPoint.startsWith('/')],
    ]);
  const roots = all.filter(({ isRoot }) => isRoot).length;
  yield* first('Spec.volumes', 'volumes', [
    ['volumeOrInitrdRequired', all.length > 0 || initrd !== undefined],
    ['oneVolumeMustBeRoot', roots > 0 || initrd !== undefined],
    ['onlyOneRootVolume', roots <= 1],
  ]);
}

function hasBothSources({ image, virtiofs }: MicrovmVolume): boolean {
  return image !== undefined && virtiofs !== undefined;
}

function* first(path: string, field: string, rules: Rules): Generator<Failure> {
  const broken = rules.find(([, holds]) => !holds);
  if (broken) yield { path, field, tag: broken[0] };
}
