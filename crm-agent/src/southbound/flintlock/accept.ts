import { createHash } from 'node:crypto';
import { fail } from '@edgeplane/base';
import { checkSpec, seedImage, type VmSpec } from '../../engines/qemu/index.js';
import { flintlockErrors } from './errors.js';
import { withInstanceId } from './guest-documents.js';
import { guestVolumes } from './guest-volumes.js';
import { boardOf, machineOf, type NetworkSettings } from './machine-plan.js';
import type { Dialect, Microvm, MicrovmInterface, MicrovmSpec } from './model.js';
import { checkCmdlineLength, checkSpecRules } from './rules.js';
import { validationText } from './validation.js';

const DEFAULTS = { namespace: 'default', vcpu: 2, memoryMib: 1024 };

/** The way to the metadata that the current dialect puts before the other interfaces (flintlock spec section 2.7). */
const METADATA_INTERFACE: MicrovmInterface = {
  name: 'eth0',
  type: 1,
  metadata: true,
  mac: 'AA:FF:00:00:00:01',
  address: { address: '169.254.0.1/16', nameservers: [] },
};
/** Its guests look for a seed and know no metadata service. */
const WITHOUT_METADATA = 'cloudhypervisor';

/** What was asked for with the defaults of the dialect, and without what is invisible in image references. */
export function withDefaults(asked: MicrovmSpec, dialect: Dialect): MicrovmSpec {
  if (dialect === '2021') return asked;
  const { kernel, initrd } = asked;
  return {
    ...asked,
    namespace: asked.namespace || DEFAULTS.namespace,
    vcpu: asked.vcpu || DEFAULTS.vcpu,
    memoryMib: asked.memoryMib || DEFAULTS.memoryMib,
    kernel: { ...kernel, image: visible(kernel.image) },
    ...(initrd && { initrd: { ...initrd, image: visible(initrd.image) } }),
    volumes: asked.volumes.map((volume) =>
      volume.image === undefined ? volume : { ...volume, image: visible(volume.image) },
    ),
  };
}

function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\x00-\x1f\x7f]/g, '').trim();
}

/**
 * Refuses what breaks a rule of flintlock or of this host, in that order (flintlock spec section 2.3).
 * @param verb what is done to the microVM, as texts begin
 */
export function checkAsked(spec: MicrovmSpec, dialect: Dialect, verb: 'creating' | 'updating'): void {
  if (spec.id === '') throw fail(flintlockErrors.NAME_REQUIRED, { what: 'name' });
  if (spec.namespace === '') throw fail(flintlockErrors.NAME_REQUIRED, { what: 'namespace' });
  const failures = validationText(spec, dialect, verb === 'creating');
  if (failures !== '')
    throw dialect === '2021'
      ? fail(flintlockErrors.INVALID_2021, { failures })
      : fail(flintlockErrors.INVALID_CURRENT, { verb, failures });
  if (boardOf(spec.provider) === undefined)
    throw fail(flintlockErrors.NO_PROVIDER, { verb, name: JSON.stringify(spec.provider).slice(1, -1) });
  if (spec.volumes.some(({ virtiofs }) => virtiofs !== undefined))
    throw fail(flintlockErrors.NO_VIRTIOFS, { verb });
  if (spec.allowGuestAgent) throw fail(flintlockErrors.NO_GUEST_AGENT, { verb });
  checkSpecRules(spec, verb);
}

/** What the current dialect adds to what was asked for: the instance's id, and a way to the metadata. */
export function completed(spec: MicrovmSpec, uid: string, dialect: Dialect): MicrovmSpec {
  if (dialect === '2021') return spec;
  const isThere = spec.interfaces.some(({ name }) => name === METADATA_INTERFACE.name);
  const added = isThere || spec.provider === WITHOUT_METADATA ? [] : [METADATA_INTERFACE];
  return {
    ...spec,
    metadata: withInstanceId(spec.metadata, uid),
    interfaces: [...added, ...spec.interfaces],
  };
}

/** Refuses what no machine could be made of, before there is anything of it. @throws EdgeplaneError naming the member */
export function checkMachine(vm: Microvm, network: NetworkSettings, dialect: Dialect, verb: string): void {
  const somewhere = '/somewhere';
  const disks = guestVolumes(vm.spec).map(() => somewhere);
  const machine: VmSpec = machineOf(vm, { kernel: somewhere, disks }, network, verb, dialect);
  checkSpec(machine);
  checkCmdlineLength(machine.kernel?.cmdline ?? '', verb);
  if (machine.cloudInit) seedImage(machine.cloudInit);
}

/** The same for the same specification, however its maps are ordered. */
export function specDigest(spec: MicrovmSpec): string {
  return createHash('sha256')
    .update(JSON.stringify(ordered(spec)))
    .digest('hex');
}

/** The same value with the members of its objects in order of name. */
export function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, ordered(member)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
