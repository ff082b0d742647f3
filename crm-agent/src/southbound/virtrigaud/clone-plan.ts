import { fail } from '@edgeplane/base';
import type { CloneRequest as RpcCloneRequest } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import type { CloneRequest, HostForward, Nic, VmSpec } from '../../engines/qemu/index.js';
import { virtrigaudErrors } from './errors.js';
import { withForwards } from './forwards.js';
import { readObject } from './json.js';
import { hashOf, labelsOf, toLabels } from './labels.js';
import { checkName } from './names.js';
import { networkConfigOf } from './networks.js';
import { type Customization, readCustomization, seedOf } from './seed.js';
import { invalid } from './values.js';
import { headroom, readClass, type VmClass } from './vm-class.js';

/** A copy that is to be made. Plain JSON; it may hold secrets. */
export interface ClonePlan {
  readonly name: string;
  readonly class?: VmClass;
  readonly customization: Customization;
  readonly parts: Readonly<Record<string, string>>;
}

/** Reads a clone request (spec of VirtRigaud, section 3.8). @throws FIELD_INVALID, NOT_JSON, NOT_AVAILABLE */
export function readClone(request: RpcCloneRequest): ClonePlan {
  if (request.sourceVmId === '') throw invalid('source_vm_id', 'given', request.sourceVmId);
  const name = checkName('target_name', request.targetName);
  const classJson = readObject('class_json', request.classJson);
  const vmClass = classJson && readClass(classJson);
  // The name of a policy of the manager's cluster, which it has followed already by calling this host.
  readObject('placement_json', request.placementJson);
  const customization = readCustomization(readObject('customize_json', request.customizeJson));
  const parts = {
    ...{ source_vm_id: hashOf(request.sourceVmId), linked: hashOf(request.linked) },
    ...{ class_json: hashOf(vmClass), customize_json: hashOf(customization) },
  };
  return { name, ...(vmClass ? { class: vmClass } : {}), customization, parts };
}

/** Growing is all that a disk can do. @throws FIELD_INVALID, NOT_AVAILABLE when the plan does not fit the source */
export function checkCloneOf({ class: wanted, customization }: ClonePlan, source: VmSpec): void {
  const diskMib = wanted?.diskMib;
  if (diskMib !== undefined && diskMib < (source.diskMib ?? 0))
    throw invalid('class_json.diskDefaults', `at least ${source.diskMib} MiB, as the source has`, diskMib);
  if (wanted?.machineVersion !== undefined && wanted.machineVersion !== source.machineVersion)
    throw fail(virtrigaudErrors.NOT_AVAILABLE, {
      field: 'class_json.extraConfig',
      what: 'other hardware than that of the source',
    });
  if (customization.fixed.length > source.nics.length)
    throw invalid(
      'customize_json.networks',
      `at most ${source.nics.length}, as the source has`,
      customization.fixed.length,
    );
}

export interface CloneTarget {
  readonly id: string;
  readonly name: string;
  readonly instance: string;
  readonly cloudlet: string;
  readonly parts: Readonly<Record<string, string>>;
  readonly forwards: readonly HostForward[];
}

/** What is different about a copy: size, addresses, and who it is. */
export function cloneChange(
  { class: wanted, customization }: ClonePlan,
  source: VmSpec,
  { id, name, instance, cloudlet, parts, forwards }: CloneTarget,
): NonNullable<CloneRequest['change']> {
  const { cpus = source.cpus, memoryMib = source.memoryMib } = wanted ?? {};
  const sized = wanted?.cpus !== undefined || wanted?.memoryMib !== undefined;
  const nics = source.nics.map(({ mac: _, ...nic }, at): Nic => {
    const mac = customization.macs[at];
    return { ...nic, ...(mac === undefined ? {} : { mac }) };
  });
  const cards = nics.map((nic, at) => {
    const fixed = customization.fixed[at];
    return { nic, ...(fixed ? { fixed } : {}) };
  });
  const from = labelsOf(source.id, source);
  const labels = {
    ...{ name, parts, tags: customization.tags.length > 0 ? customization.tags : from.tags },
    nics: from.nics.map((card, at) => ({ ...card, ip: customization.fixed[at]?.ip ?? '' })),
  };
  return {
    ...{ cpus, memoryMib },
    ...(sized && wanted ? headroom({ cpus, memoryMib }, wanted) : {}),
    nics: withForwards(nics, forwards),
    cloudInit: seedOf({ id, name, instance }, customization.seed, networkConfigOf(id, cards)),
    labels: toLabels(cloudlet, labels),
  };
}
