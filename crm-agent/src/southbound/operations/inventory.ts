import { readFile } from 'node:fs/promises';
import { isAbsolute, normalize } from 'node:path';
import { fail, kebab, messageOf } from '@edgeplane/base';
import { parse as parseYaml } from 'yaml';
import { operationsErrors } from './errors.js';
import { Members } from './members.js';

/** A child agent on this host. */
export interface ProcessSettings {
  readonly driver: 'process';
  /** Of the child's driver. */
  readonly platform: string;
  /** Controllers that it registers with. */
  readonly notifyAddrs: string;
  /** Its certificate file, as of the agent's `--tls`; empty: plain text. */
  readonly tls: string;
  /** It is ready only while it is connected to a controller. */
  readonly waitRegistered: boolean;
  /** Further arguments of the child. */
  readonly args: readonly string[];
}

/** An operator's program. */
export interface ExecSettings {
  readonly driver: 'exec';
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Its environment beside PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Handed to the program as they are. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly inspectTimeoutMs: number;
}

export interface HypervisorEntry {
  readonly id: string;
  readonly createTimeoutMs: number;
  readonly destroyTimeoutMs: number;
  readonly settings: ProcessSettings | ExecSettings;
}

export const FILESYSTEMS = ['btrfs', 'xfs', 'ext4'] as const;
export type Filesystem = (typeof FILESYSTEMS)[number];

/** A folder with a limit. */
export interface DirPoolSettings {
  readonly driver: 'dir';
  readonly path: string;
  /** Limit when the pool is first used. */
  readonly size: bigint;
}

/** A file system in a file, mounted. */
export interface LoopPoolSettings {
  readonly driver: 'loop';
  /** Where it is mounted; empty: below the state directory. */
  readonly path: string;
  /** The file; empty: below the state directory. */
  readonly image: string;
  readonly size: bigint;
  /** `auto`: the first that the host has, of those that can shrink first. */
  readonly filesystem: Filesystem | 'auto';
}

export interface PoolEntry {
  readonly id: string;
  /** A shrink leaves at least this above what is used; undefined: 1 GiB or 5 % of the size, whichever is more. */
  readonly headroom: bigint | undefined;
  readonly settings: DirPoolSettings | LoopPoolSettings;
}

export interface BackupTarget {
  readonly id: string;
  readonly path: string;
  /** Share of the target that stays free, percent. */
  readonly floorPercent: number;
}

/** What the operations API works on. */
export interface Inventory {
  readonly hypervisors: readonly HypervisorEntry[];
  /** The first one is the default. */
  readonly pools: readonly PoolEntry[];
  readonly targets: readonly BackupTarget[];
}

/**
 * Reads the inventory: JSON or YAML.
 * @throws INVENTORY_UNREADABLE, INVENTORY_INVALID naming the member, the rule and the value
 */
export async function readInventory(path: string): Promise<Inventory> {
  let json: unknown;
  try {
    json = parseYaml(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw fail(operationsErrors.INVENTORY_UNREADABLE, { path, reason: messageOf(error) }, { cause: error });
  }
  return parseInventory(path, json ?? {});
}

/** @throws INVENTORY_INVALID */
export function parseInventory(path: string, json: unknown): Inventory {
  const top = new Members(path, '', json);
  const hypervisors = top.list('hypervisors').map(hypervisor);
  const pools = top.list('pools').map(pool);
  const targets = top.list('backup_targets').map(target);
  top.end();
  for (const [name, ids] of Object.entries({ hypervisors, pools, backup_targets: targets })) {
    const twice = ids.find(({ id }, i) => ids.findIndex((other) => other.id === id) !== i);
    if (twice) throw top.invalid(name, `must name each id once, and ${twice.id} is there twice`);
  }
  return { hypervisors, pools, targets };
}

const MINUTE = 60;

function hypervisor(entry: Members): HypervisorEntry {
  const id = idOf(entry);
  const driver = entry.choice('driver', ['process', 'exec']);
  const seconds = (name: string, fallback: number) =>
    entry.number(name, fallback, 1, 24 * 60 * MINUTE) * 1000;
  const createTimeoutMs = seconds('create_timeout_seconds', 15 * MINUTE);
  const destroyTimeoutMs = seconds('destroy_timeout_seconds', 10 * MINUTE);
  const inner = entry.inner('settings');
  const settings = driver === 'process' ? processSettings(inner) : execSettings(inner);
  inner.end();
  entry.end();
  return { id, createTimeoutMs, destroyTimeoutMs, settings };
}

function processSettings(members: Members): ProcessSettings {
  return {
    driver: 'process',
    platform: members.text('platform', 'local'),
    notifyAddrs: members.text('notify_addrs', '127.0.0.1:37001'),
    tls: absolute(members, 'tls', ''),
    waitRegistered: members.flag('wait_registered', true),
    args: extraArgs(members),
  };
}

/** What a child agent is told beside what its driver needs to tell it. */
function extraArgs(members: Members): readonly string[] {
  const args = members.texts('args');
  const taken = args.find((arg) => OWN_FLAGS.has(kebab(arg.replace(/^--?/, '').replace(/=.*$/, ''))));
  if (taken !== undefined) throw members.invalid('args', `must not have ${taken}, which the driver sets`);
  return args;
}

const OWN_FLAGS: ReadonlySet<string> = new Set([
  ...['cloudlet-key', 'platform', 'notify-addrs', 'api-addr', 'metrics-addr', 'state-dir', 'tls', 'on-stop'],
]);

function execSettings(members: Members): ExecSettings {
  return {
    driver: 'exec',
    program: absolute(members, 'program'),
    args: members.texts('args'),
    env: members.textMap('env'),
    settings: members.any('pass'),
    inspectTimeoutMs: members.number('inspect_timeout_seconds', 30, 1, 600) * 1000,
  };
}

const GIB = 1024n ** 3n;
const MIB = 1024n ** 2n;

function pool(entry: Members): PoolEntry {
  const id = idOf(entry);
  const driver = entry.choice('driver', ['dir', 'loop']);
  const headroom = entry.bytes('headroom', -1n);
  const inner = entry.inner('settings');
  const size = inner.bytes('size', 10n * GIB);
  if (size < 128n * MIB) throw inner.invalid('size', 'must be at least 128MiB');
  const settings: PoolEntry['settings'] =
    driver === 'dir'
      ? { driver, path: absolute(inner, 'path'), size }
      : {
          ...{ driver, size, path: absolute(inner, 'path', ''), image: absolute(inner, 'image', '') },
          filesystem: inner.choice('filesystem', ['auto', ...FILESYSTEMS], 'auto'),
        };
  inner.end();
  entry.end();
  return { id, headroom: headroom < 0n ? undefined : headroom, settings };
}

function target(entry: Members): BackupTarget {
  const out = {
    id: idOf(entry),
    path: absolute(entry, 'path'),
    floorPercent: entry.number('floor_percent', 10, 0, 90),
  };
  entry.end();
  return out;
}

/** Ids name folders, lanes and Cloudlets. */
function idOf(entry: Members): string {
  const id = entry.text('id');
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(id))
    throw entry.invalid(
      'id',
      'must be up to 63 letters, digits, dots, dashes and underscores, a letter or digit first',
    );
  return id;
}

function absolute(members: Members, name: string, fallback?: string): string {
  const path = members.text(name, fallback);
  if (path !== '' && (!isAbsolute(path) || normalize(path) === '/'))
    throw members.invalid(name, 'must be an absolute path, and not /');
  return path === '' ? '' : normalize(path).replace(/\/$/, '');
}
