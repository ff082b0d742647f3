import type { BaseImage } from './images.js';
import type { HostForward } from './network-spec.js';
import type { VmSpec } from './spec.js';

/** What a machine is: written before anything else of it. A change replaces it as a whole. */
export interface VmRecord {
  readonly version: 2;
  readonly spec: VmSpec;
  readonly base: BaseImage;
  /** By name of the extra disk. */
  readonly extraBases: Readonly<Record<string, BaseImage>>;
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
  if (record?.spec?.id !== id || !record.base?.path) return undefined;
  if (record.version === 2) return record;
  if (record.version !== 1) return undefined;
  const { forwards, mac, ...spec } = record.spec;
  const nic = { type: 'user', ...(mac === undefined ? {} : { mac }), forwards } as const;
  return { ...record, version: 2, spec: { ...spec, nics: [nic] } };
}
