import { fail } from '@edgeplane/base';
import { hasControls } from '../control-characters.js';
import { shownValue } from '../shown-value.js';
import { flintlockErrors } from './errors.js';
import { isImageUri } from './formats.js';
import type { Cmdline, MicrovmSpec, MicrovmVolume } from './model.js';

/**
 * Rules of this host beyond flintlock's: what it would take and then never make, or use in a path unseen (flintlock spec
 * section 4.2).
 */

/** Disks are sparse, so this is what a file system can be made for in reasonable time, not what a host has. MiB. */
const DISK_MAX_MIB = 1024 ** 2;
/** Devices that a machine has places for. */
const VOLUMES_MAX = 16;
const INTERFACES_MAX = 8;
/** A kernel reads no more of its command line. */
const CMDLINE_MAX = 2047;
/** They are in the record, which is written with every change. */
const METADATA_MAX = 4 * 1024 ** 2;
const NAME_MAX = 253;
const TEXT_MAX = 4096;

/** @param verb what is done to the microVM, for the text. @throws BAD_FIELD naming the first member that breaks a rule */
export function checkSpecRules(spec: MicrovmSpec, verb: string): void {
  const need = (ok: boolean, field: string, rule: string, value: unknown) => {
    if (ok) return;
    throw fail(flintlockErrors.BAD_FIELD, { verb, field, rule, value: shownValue(value) });
  };
  const name = (field: string, value: string) =>
    need(
      isPlain(value, NAME_MAX) && !value.includes('/') && value !== '.' && value !== '..',
      field,
      `must be 1 to ${NAME_MAX} characters without "/" and control characters`,
      value,
    );
  const file = (field: string, value: string) =>
    need(
      isPlain(value, TEXT_MAX) && !value.split('/').includes('..') && !/(^|\/)\.?$/.test(value),
      field,
      'must be the path of a file within the image',
      value,
    );

  name('id', spec.id);
  name('namespace', spec.namespace);
  file('kernel.filename', spec.kernel.filename);
  if (spec.initrd) file('initrd.filename', spec.initrd.filename);
  checkVolumes(spec.volumes, name, need);
  const { length } = spec.interfaces;
  need(length <= INTERFACES_MAX, 'interfaces', `must be at most ${INTERFACES_MAX}`, length);
  const names = new Set<string>();
  spec.interfaces.forEach((nic, i) => {
    need(!names.has(nic.name), `interfaces[${i}] name`, 'must be given once', nic.name);
    names.add(nic.name);
    const metadataNics = spec.interfaces.filter(({ metadata }) => metadata).length;
    need(metadataNics <= 1, `interfaces[${i}]`, 'must be the only one for metadata', nic.name);
  });
  const bytes = Object.entries(spec.metadata).reduce((sum, [k, v]) => sum + k.length + v.length, 0);
  need(bytes <= METADATA_MAX, 'metadata', `must have at most ${METADATA_MAX} bytes in all`, bytes);
  for (const key of Object.keys(spec.metadata))
    need(isPlain(key, NAME_MAX), 'metadata', 'must have names without control characters', key);
  checkCmdline(spec.kernel.cmdline, need);
}

function checkCmdline(cmdline: Cmdline, need: Need): void {
  const field = 'kernel.cmdline';
  if (cmdline.kind === 'text') {
    need(!hasControls(cmdline.text), field, 'must be text of one line', cmdline.text);
    return;
  }
  for (const [name, value] of Object.entries(cmdline.words)) {
    need(
      /^[^\s="]+$/.test(name) && !hasControls(name),
      field,
      'must have names without spaces, "=" and quotation marks',
      name,
    );
    need(
      !hasControls(value) && !value.includes('"'),
      field,
      'must have values of one line without quotation marks',
      value,
    );
  }
}

type Need = (ok: boolean, field: string, rule: string, value: unknown) => void;

function checkVolumes(
  volumes: readonly MicrovmVolume[],
  name: (field: string, value: string) => void,
  need: Need,
): void {
  need(volumes.length <= VOLUMES_MAX, 'volumes', `must be at most ${VOLUMES_MAX}`, volumes.length);
  const ids = new Set<string>();
  volumes.forEach((volume, i) => {
    const field = (member: string) => `volume ${i} (${JSON.stringify(volume.id)}) ${member}`;
    const { id, image, partitionId, sizeMib, mountPoint } = volume;
    name(field('id'), id);
    need(!ids.has(id), field('id'), 'must be given once', id);
    ids.add(id);
    if (image !== undefined)
      need(isImageUri(image), field('container_source'), 'must be an image reference', image);
    const size = sizeMib ?? 0;
    const rule = `must be from 0 to ${DISK_MAX_MIB} MiB`;
    need(size >= 0 && size <= DISK_MAX_MIB, field('size_in_mb'), rule, size);
    if (image === undefined && volume.virtiofs === undefined)
      need(size > 0, field('size_in_mb'), 'must be given where no container_source is', size);
    if (partitionId !== undefined && partitionId !== '')
      need(
        /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(partitionId),
        field('partition_id'),
        'must be a UUID',
        partitionId,
      );
    const path = mountPoint.startsWith('/') && !hasControls(mountPoint);
    if (mountPoint !== '') need(path, field('mount_point'), 'must be an absolute path', mountPoint);
  });
}

function isPlain(text: string, max: number): boolean {
  return text !== '' && text.length <= max && !hasControls(text);
}

/** The whole command line, which is longer than what was asked for. @throws BAD_FIELD */
export function checkCmdlineLength(cmdline: string, verb: string): void {
  const bytes = Buffer.byteLength(cmdline);
  if (bytes <= CMDLINE_MAX) return;
  const rule = `must have at most ${CMDLINE_MAX} bytes with what the host adds`;
  throw fail(flintlockErrors.BAD_FIELD, { verb, field: 'kernel.cmdline', rule, value: bytes });
}
