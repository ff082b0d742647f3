import { fail, messageOf } from '@edgeplane/base';
import { type Entry, TXN_LIMITS } from '@edgeplane/store';
import { controllerErrors } from '../errors.js';
import type { Change, Upgrade } from './upgrade.js';

/** What becomes of one entry; applied whole. */
export interface Conversion {
  readonly source: Entry;
  readonly changes: readonly Change[];
}

/** Changes of one transaction: as many conversions as fit. */
export interface Batch {
  readonly sources: readonly Entry[];
  readonly changes: readonly Change[];
}

/**
 * Converts all entries, in order.
 * @throws EdgeplaneError UPGRADE_FAILED naming the entry that cannot be converted
 */
export function convertAll(upgrade: Upgrade, entries: readonly Entry[], region: number): Conversion[] {
  const conversions = entries.flatMap((source) => {
    try {
      const changes = upgrade.convert(source, region);
      return changes.length > 0 ? [{ source, changes }] : [];
    } catch (error) {
      throw failed(upgrade, source.key, messageOf(error));
    }
  });
  const converting = new Set(conversions.map(({ source }) => source.key));
  for (const { source, changes } of conversions) {
    const other = changes.find(({ key }) => key !== source.key && converting.has(key));
    if (other)
      throw failed(upgrade, source.key, `would overwrite ${other.key}, which is to be converted too`);
  }
  return conversions;
}

function failed(upgrade: Upgrade, key: string, reason: string) {
  return fail(controllerErrors.UPGRADE_FAILED, { name: upgrade.name, key, reason });
}

/** Keys at which entries meet: several are converted to them, or one is where another is. The last of them stays. */
export function sharedTargets(entries: readonly Entry[], conversions: readonly Conversion[]): string[] {
  const taken = new Set(entries.map(({ key }) => key));
  const shared = new Set<string>();
  for (const { source, changes } of conversions) {
    for (const { type, key } of changes) {
      if (type !== 'put' || key === source.key) continue;
      if (taken.has(key)) shared.add(key);
      taken.add(key);
    }
  }
  return [...shared];
}

/** Packs conversions, in order, into transactions with room for `reserved` more compares and their keys. */
export function packBatches(
  conversions: readonly Conversion[],
  reserved: { readonly compares: number; readonly bytes: number },
): Batch[] {
  const batches: Batch[] = [];
  let sources: Entry[] = [];
  let changes = new Map<string, Change>();
  let bytes = reserved.bytes;
  const close = () => {
    if (sources.length > 0) batches.push({ sources, changes: [...changes.values()] });
    sources = [];
    changes = new Map();
    bytes = reserved.bytes;
  };
  for (const conversion of conversions) {
    const weight = weightOf(conversion);
    const full =
      sources.length + reserved.compares >= TXN_LIMITS.compares ||
      changes.size + conversion.changes.length > TXN_LIMITS.ops ||
      bytes + weight > TXN_LIMITS.bytes;
    if (full) close();
    sources.push(conversion.source);
    for (const change of conversion.changes) changes.set(change.key, change);
    bytes += weight;
  }
  close();
  return batches;
}

function weightOf({ source, changes }: Conversion): number {
  const texts = changes.flatMap((c) => (c.type === 'put' ? [c.key, c.value] : [c.key]));
  return [source.key, ...texts].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
