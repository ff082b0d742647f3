import type { BaseImage } from './images.js';
import type { BootShape } from './machine-args.js';
import type { VmSpec } from './spec.js';
import type { VmRecord } from './vm-record.js';

/**
 * A writable disk is a chain of qcow2 files. Only the topmost, its head, is written to; those below it are frozen and
 * hold what snapshots and clones refer to. The layers of all disks of a machine form trees, by `below`.
 */
export interface Layer {
  /** The layer that it lies on; absent for one on the disk's base image, or on nothing. */
  readonly below?: string;
}

/** A state of all writable disks, and of memory if it was wanted. */
export interface Snapshot {
  readonly name: string;
  readonly description?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Frozen layer by disk. */
  readonly layers: Readonly<Record<string, string>>;
  /** File of the memory and devices; absent when only disks were taken. */
  readonly memory?: string;
  /** The guest agent held its file systems still. */
  readonly frozen?: true;
  /** Memory goes back only into a machine of that shape. */
  readonly shape: Pick<VmSpec, 'cpus' | 'memoryMib'> & { readonly boot: BootShape };
  readonly sizes: Pick<VmSpec, 'diskMib' | 'extraDisks'>;
}

/** Work on disks that takes several steps. It is recorded before the first, so that it can be completed or undone. */
export type DiskOperation =
  | {
      readonly kind: 'freeze';
      /** New head by disk. */
      readonly heads: Readonly<Record<string, string>>;
      /** Absent when layers are frozen for a clone or a copy only. */
      readonly snapshot?: Snapshot;
      /** The processors stood still already. */
      readonly paused: boolean;
    }
  | {
      readonly kind: 'revert';
      readonly snapshot: string;
      readonly heads: Readonly<Record<string, string>>;
      /** Whether it is to run afterwards. */
      readonly start: boolean;
    }
  | {
      readonly kind: 'grow';
      /** None. */
      readonly heads: Readonly<Record<string, string>>;
      readonly disk: string;
      readonly bytes: number;
    };

/** Name of a disk's file and first layer, by what the guest sees it as. */
export function diskFile(name: string): string {
  return `data-${name}`;
}

/** Disks that are written to, the boot disk first. */
export function writableDisks(spec: VmSpec): string[] {
  return ['boot', ...(spec.extraDisks ?? []).filter((d) => !d.readOnly).map((d) => diskFile(d.name))];
}

export function headOf(record: VmRecord, disk: string): string {
  return record.heads?.[disk] ?? disk;
}

/** The layer and all below it, topmost first. */
export function chainOf(record: VmRecord, layer: string): string[] {
  const chain: string[] = [];
  for (let at: string | undefined = layer; at !== undefined; at = record.layers?.[at]?.below) chain.push(at);
  return chain;
}

/** The disk that a layer is of. */
export function diskOf(layer: string): string {
  return layer.split('~', 1)[0] ?? layer;
}

/** What the lowest layer of a disk lies on. */
export function baseOf(record: VmRecord, disk: string): BaseImage | undefined {
  return disk === 'boot' ? record.base : record.extraBases[disk.slice('data-'.length)];
}

/** A new layer over `below`, or over the head of each disk, under names that were never used. */
export function newHeads(
  record: VmRecord,
  below: Readonly<Record<string, string>>,
): { readonly heads: Record<string, string>; readonly record: VmRecord } {
  let count = record.layerCount ?? 0;
  const heads: Record<string, string> = {};
  for (const disk of Object.keys(below)) {
    count += 1;
    heads[disk] = `${disk}~${count}`;
  }
  return { heads, record: { ...record, layerCount: count } };
}

/** Makes layers that exist the heads of their disks. */
export function withHeads(
  record: VmRecord,
  heads: Readonly<Record<string, string>>,
  below: Readonly<Record<string, string>>,
): VmRecord {
  const layers: Record<string, Layer> = { ...record.layers };
  for (const [disk, head] of Object.entries(heads)) layers[head] = layerOn(below[disk]);
  return { ...record, heads: { ...record.heads, ...heads }, layers };
}

function layerOn(below: string | undefined): Layer {
  return below === undefined ? {} : { below };
}

/** Every layer of the machine. */
export function allLayers(record: VmRecord): string[] {
  const all = new Set(Object.keys(record.layers ?? {}));
  for (const layer of [...all]) for (const id of chainOf(record, layer)) all.add(id);
  for (const disk of writableDisks(record.spec))
    for (const id of chainOf(record, headOf(record, disk))) all.add(id);
  return [...all];
}

export type Tidying =
  | { readonly kind: 'drop'; readonly layer: string }
  /** Take over into `into` what only `layer` has, so that it can go. */
  | { readonly kind: 'merge'; readonly layer: string; readonly into: string };

/** The next thing to do so that no layer is left that nobody needs; `pinned` layers and all below them stay as they are. */
export function nextTidying(record: VmRecord, pinned: ReadonlySet<string>): Tidying | undefined {
  const named = new Set((record.snapshots ?? []).flatMap((s) => Object.values(s.layers)));
  const heads = new Set(writableDisks(record.spec).map((disk) => headOf(record, disk)));
  const kept = new Set([...pinned].flatMap((layer) => chainOf(record, layer)));
  const all = allLayers(record);
  for (const layer of all) {
    if (heads.has(layer) || named.has(layer) || kept.has(layer)) continue;
    const above = all.filter((other) => record.layers?.[other]?.below === layer);
    const [into] = above;
    if (into === undefined) return { kind: 'drop', layer };
    // The one above is rewritten, which nobody may notice who holds on to it.
    if (above.length === 1 && !kept.has(into)) return { kind: 'merge', layer, into };
  }
  return undefined;
}

/** The record after that was done to the files. */
export function afterTidying(record: VmRecord, { layer, ...done }: Tidying): VmRecord {
  const { [layer]: gone, ...layers } = record.layers ?? {};
  return {
    ...record,
    layers: done.kind === 'merge' ? { ...layers, [done.into]: layerOn(gone?.below) } : layers,
  };
}
