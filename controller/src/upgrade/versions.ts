import { knownVersions } from '@edgeplane/objects';
import type { Upgrade } from './upgrade.js';
import { UPGRADES } from './upgrades.js';

/** A version of the data model: its place in the chain and its hash. */
export interface DataVersion {
  readonly number: number;
  readonly hash: string;
}

/** From one version of the data model to the next. */
export interface Step {
  readonly from: DataVersion;
  readonly to: DataVersion;
  /** Undefined where stored data is the same in both. */
  readonly upgrade: Upgrade | undefined;
}

/** The chain of versions that this program knows, oldest first. */
export interface VersionChain {
  readonly current: DataVersion;
  /** The step that begins at a hash. */
  stepFrom(hash: string): Step | undefined;
}

/** @throws Error when a version names an upgrade function that there is not: a programming mistake */
export function versionChain(
  known: ReturnType<typeof knownVersions> = knownVersions(),
  upgrades: readonly Upgrade[] = UPGRADES,
): VersionChain {
  const steps = new Map<string, Step>();
  const versions = known.map(({ hash }, number) => ({ number, hash }));
  known.slice(1).forEach(({ upgrade: name }, i) => {
    const [from, to] = versions.slice(i, i + 2);
    const upgrade = upgrades.find((u) => u.name === name);
    if (!from || !to || (name !== undefined && !upgrade)) throw new Error(`no upgrade function ${name}`);
    steps.set(from.hash, { from, to, upgrade });
  });
  const current = versions.at(-1);
  if (!current) throw new Error('no version is known');
  return { current, stepFrom: (hash) => steps.get(hash) };
}

/** What `<region>/Version` says. */
export type StoredVersion =
  | { readonly kind: 'none' }
  | { readonly kind: 'settled'; readonly hash: string }
  /** A step was begun and has not ended: part of the data may be converted. */
  | { readonly kind: 'upgrading'; readonly from: string; readonly to: string };

const UPGRADING = /^upgrading ([0-9a-f]{32}) to ([0-9a-f]{32})$/;

export function parseStoredVersion(text: string | undefined): StoredVersion {
  if (!text) return { kind: 'none' };
  const [, from, to] = UPGRADING.exec(text) ?? [];
  return from && to ? { kind: 'upgrading', from, to } : { kind: 'settled', hash: text };
}

/**
 * Stands in place of the hash while a step runs, so that no controller, of whatever version, starts on data that is
 * partly converted: to each of them it is not its own hash, and none knows it as an older one.
 */
export function upgradingText({ from, to }: Step): string {
  return `upgrading ${from.hash} to ${to.hash}`;
}
