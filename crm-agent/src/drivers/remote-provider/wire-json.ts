import type { MachinePlan } from './machine-plan.js';

/**
 * JSON texts inside the API's messages, as VirtRigaud's manager writes them: names in Pascal case, every field there, `null`
 * for what is not set. Providers exist that understand no other form.
 */

/** Longest-lived format of a template: there is no file whose format could be told. */
const TEMPLATE = 'template';

export function classJson(plan: MachinePlan): string {
  return goJson(classOf(plan));
}

export function imageJson(plan: MachinePlan): string {
  return goJson(imageOf(plan));
}

export function networksJson({ networks }: MachinePlan): string {
  return goJson(networksOf(networks));
}

/** No disks but the root disk. */
export const DISKS_JSON = 'null';

/** The whole of what the machine is to be. Holds its user data: never logged. */
export function desiredJson(plan: MachinePlan): string {
  return goJson({
    Name: plan.name,
    Class: classOf(plan),
    Image: imageOf(plan),
    Networks: networksOf(plan.networks),
    Disks: null,
    UserData: { CloudInitData: plan.userData, Type: 'cloud-config' },
    MetaData: { MetaDataYAML: plan.metaData },
    Placement: null,
    Tags: plan.tags,
  });
}

function classOf({ cpus, memoryMib, diskGib, extraConfig }: MachinePlan) {
  return {
    CPU: cpus,
    MemoryMiB: memoryMib,
    Firmware: 'BIOS',
    DiskDefaults: diskGib === 0 ? null : { Type: 'thin', SizeGiB: diskGib },
    GuestToolsPolicy: 'install',
    ExtraConfig: Object.keys(extraConfig).length === 0 ? null : extraConfig,
    PerformanceProfile: null,
    SecurityProfile: null,
    ResourceLimits: null,
  };
}

function imageOf({ image }: MachinePlan) {
  const [isUrl, isPath] = [/^https?:\/\//i.test(image), image.startsWith('/')];
  return {
    TemplateName: isUrl || isPath ? '' : image,
    Path: isPath ? image : '',
    URL: isUrl ? image : '',
    Format: isUrl || isPath ? formatOf(image) : TEMPLATE,
    Checksum: '',
    ChecksumType: 'sha256',
  };
}

const FORMATS = ['raw', 'vmdk', 'vhd', 'vhdx', 'iso', 'ova', 'ovf'];

function formatOf(image: string): string {
  const [path = ''] = image.split(/[?#]/, 1);
  const ending = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  return FORMATS.includes(ending) ? ending : 'qcow2';
}

function networksOf(networks: MachinePlan['networks']) {
  if (networks.length === 0) return null;
  return networks.map(({ network, bridge }, index) => ({
    Name: `eth${index}`,
    Portgroup: '',
    NetworkName: network,
    Bridge: bridge,
    VLAN: 0,
    Model: 'virtio',
    MacAddress: '',
    IPPolicy: '',
    StaticIP: '',
    Prefix: 0,
    Gateway: '',
    DNS: '',
    PCISlotNumber: null,
  }));
}

/** Go writes these characters as escapes, so that its JSON may stand in HTML. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
