import type { BaseImage } from './images.js';
import type { DiskOperation, Layer, Snapshot } from './layers.js';
import type { HostForward } from './network-spec.js';
import type { VmSpec } from './spec.js';

/** What a machine is: written before anything else of it. A change replaces it as a whole. */
export interface VmRecord {
  readonly version: 2;
  readonly spec: VmSpec;
  /** What the boot disk lies on; absent when it stands by itself, as in a full clone. */
  readonly base?: BaseImage;
  /** By name of the extra disk. */
  readonly extraBases: Readonly<Record<string, BaseImage>>;
  /** The layer that is written to, by disk; absent: the first one, named after the disk. */
  readonly heads?: Readonly<Record<string, string>>;
  readonly layers?: Readonly<Record<string, Layer>>;
  /** Layers made so far: their numbers are not used again. */
  readonly layerCount?: number;
  /** In the order in which they were taken. */
  readonly snapshots?: readonly Snapshot[];
  readonly clone?: CloneOrigin;
  /** The boot disk is the very file that was its image. */
  readonly adopted?: true;
  /** It was removed; its files stay for as long as linked clones lie on them. */
  readonly retired?: true;
  /** Work that was begun; whoever finds it completes or undoes it before anything else. */
  readonly operation?: DiskOperation;
}

/** Where a machine that was made from another came from. */
export interface CloneOrigin {
  readonly source: string;
  readonly kind: 'linked' | 'full';
  readonly snapshot?: string;
}

/** A record as agents wrote it when each machine had one NIC, in user mode. */
interface RecordOne {
  readonly version: 1;
  readonly spec: Omit<VmSpec, 'nics'> & { readonly forwards: readonly HostForward[]; readonly mac?: string };
  readonly base: BaseImage;
  readonly extraBases: Readonly<Record<string, BaseImage>>;
}

/** Reads a machine's record from parsed JSON, of this version or the one before; undefined when it is neither. */
export function vmRecordOf(value: unknown, id: string): VmRecord | undefined {
  const record = value as VmRecord | RecordOne | null;
  if (record?.spec?.id !== id || typeof record.extraBases !== 'object') return undefined;
  if (record.version === 2) return record;
  if (record.version !== 1) return undefined;
  const { forwards, mac, ...spec } = record.spec;
  const nic = { type: 'user', ...(mac === undefined ? {} : { mac }), forwards } as const;
  return { ...record, version: 2, spec: { ...spec, nics: [nic] } };
}
