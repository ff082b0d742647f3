import { createHash } from 'node:crypto';
import type { VmSpec } from '../../engines/qemu/index.js';

/** What a machine is called and what it was asked to be, kept with it. */
export interface VmLabels {
  readonly name: string;
  readonly tags: readonly string[];
  /** A hash of each member of the request that it was made by, by the member's name. */
  readonly parts: Readonly<Record<string, string>>;
  /** Size of the root disk, as it was asked for and as it came to be, MiB. */
  readonly rootMib?: { readonly asked: number; readonly made: number };
  /** Name of each card, its network and its fixed address, in their order. */
  readonly nics: readonly { readonly name: string; readonly network: string; readonly ip: string }[];
}

export function toLabels(cloudlet: string, { name, ...more }: VmLabels): Readonly<Record<string, string>> {
  return { cloudlet, name, virtrigaud: JSON.stringify(more) };
}

/** The labels of a machine; its id has to do when its record is broken. */
export function labelsOf(id: string, spec: VmSpec | undefined): VmLabels {
  const { name = id, virtrigaud = '{}' } = spec?.labels ?? {};
  const more = JSON.parse(virtrigaud) as Partial<VmLabels>;
  const { tags = [], parts = {}, nics = [], rootMib } = more;
  return { name, tags, parts, nics, ...(rootMib ? { rootMib } : {}) };
}

/** Short, and the same for the same value. */
export function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest('hex')
    .slice(0, 24);
}

/** The first member by which two requests differ. */
export function differing(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): string | undefined {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].find((part) => a[part] !== b[part]);
}
