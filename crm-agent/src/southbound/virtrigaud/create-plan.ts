import type { CreateRequest } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { ExtraDisk, HostForward, VmSpec } from '../../engines/qemu/index.js';
import { readDisks } from './extra-disks.js';
import { withForwards } from './forwards.js';
import { type ImageWish, readImage } from './image-wish.js';
import { readObject, readObjects } from './json.js';
import { hashOf, toLabels, type VmLabels } from './labels.js';
import { checkName } from './names.js';
import { type NicWish, networkConfigOf, readNetworks } from './networks.js';
import { readSeed, type SeedWish, seedOf } from './seed.js';
import { invalid } from './values.js';
import { headroom, readClass, type VmClass } from './vm-class.js';

/** A machine that is to be made. Plain JSON; its seed may hold secrets. */
export interface CreatePlan {
  readonly name: string;
  readonly class: VmClass & { readonly cpus: number; readonly memoryMib: number };
  readonly image: ImageWish;
  readonly nics: readonly NicWish[];
  readonly disks: readonly ExtraDisk[];
  readonly seed: SeedWish;
  readonly tags: readonly string[];
  readonly parts: VmLabels['parts'];
}

/** Of a machine without an image when nobody says how large its disk is to be. */
const BLANK_MIB = 20 * 1024;
const TAGS_MAX = 64;

/**
 * Reads a create request; hints of where to put the machine are for hosts of several places, and are passed over.
 * @param bridges names of the host's bridges. @throws FIELD_INVALID, NOT_JSON, NOT_AVAILABLE, NETWORK_NOT_FOUND
 */
export function readCreate(request: CreateRequest, bridges: ReadonlySet<string>): CreatePlan {
  const name = checkName('name', request.name);
  const classJson = readObject('class_json', request.classJson);
  if (!classJson) throw invalid('class_json', 'given', request.classJson);
  const vmClass = readClass(classJson);
  const { cpus, memoryMib } = vmClass;
  if (cpus === undefined) throw invalid(classJson.field('CPU'), 'given', undefined);
  if (memoryMib === undefined) throw invalid(classJson.field('MemoryMiB'), 'given', undefined);
  const imageJson = readObject('image_json', request.imageJson);
  const image: ImageWish = imageJson ? readImage(imageJson) : { kind: 'blank', field: 'image_json' };
  const nics = readNetworks(readObjects('networks_json', request.networksJson), bridges);
  if (vmClass.forwards.length > 0 && !nics.some(({ nic }) => nic.type === 'user')) {
    const rule = 'absent without a card on the user network: others are reached by their address';
    throw invalid('class_json.ExtraConfig["edgeplane.forwards"]', rule, vmClass.forwards.length);
  }
  const disks = readDisks(readObjects('disks_json', request.disksJson));
  readObject('placement_json', request.placementJson);
  const seed = readSeed(request.userData, request.metaData);
  if (request.tags.length > TAGS_MAX || request.tags.some((tag) => tag.length > 256))
    throw invalid('tags', `at most ${TAGS_MAX}, of 256 characters each`, request.tags.length);
  const parts = {
    ...{ class_json: hashOf(vmClass), image_json: hashOf(image), networks_json: hashOf(nics) },
    ...{ disks_json: hashOf(disks), user_data: hashOf(seed.userData), meta_data: hashOf(seed.metaData) },
  };
  return {
    name,
    class: { ...vmClass, cpus, memoryMib },
    image,
    nics,
    disks,
    seed,
    tags: request.tags,
    parts,
  };
}

/** What is known once the image is here. */
export interface PlanHost {
  readonly id: string;
  readonly cloudlet: string;
  /** Tells this machine from an earlier one of the same id. */
  readonly instance: string;
  /** Empty for none. */
  readonly imagePath: string;
  /** Size of the image; 0 for none. */
  readonly imageMib: number;
  /** The image's file becomes the disk, so the disk is at least as large. */
  readonly adopt: boolean;
  /** Newest generation of hardware. */
  readonly machineVersion: string;
  readonly display: boolean;
  readonly forwards: readonly HostForward[];
}

export function vmSpecOf(plan: CreatePlan, host: PlanHost): VmSpec {
  const { id, imagePath, imageMib } = host;
  const { cpus, memoryMib, diskMib = imagePath === '' ? BLANK_MIB : imageMib } = plan.class;
  const rootDisk = host.adopt ? Math.max(diskMib, imageMib) : diskMib;
  const labels: VmLabels = {
    rootMib: { asked: diskMib, made: rootDisk },
    ...{ name: plan.name, tags: plan.tags, parts: plan.parts },
    nics: plan.nics.map(({ name, network, fixed }) => ({ name, network, ip: fixed?.ip ?? '' })),
  };
  return {
    ...{ id, cpus, memoryMib, ...headroom(plan.class, plan.class) },
    image: imagePath,
    diskMib: rootDisk,
    machineVersion: plan.class.machineVersion ?? host.machineVersion,
    nics: withForwards(
      plan.nics.map(({ nic }) => nic),
      host.forwards,
    ),
    extraDisks: plan.disks,
    cloudInit: seedOf(
      { id, name: plan.name, instance: host.instance },
      plan.seed,
      networkConfigOf(id, plan.nics),
    ),
    ...(host.display ? { display: 'vnc' } : {}),
    labels: toLabels(host.cloudlet, labels),
  };
}
