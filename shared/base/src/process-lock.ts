import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who holds a folder. The start time tells a process from a later one with the same pid. */
interface Owner {
  readonly pid: number;
  /** Clock ticks after boot; empty where the system does not tell. */
  readonly start: string;
  readonly bootId: string;
  readonly released?: boolean;
}

export interface ProcessLock {
  release(): void;
}

/**
 * Takes a folder for this process, or returns the pid of the living owner.
 *
 * The owner is in the file `lock.<n>` with the highest n. Taking over a dead or released owner means creating n+1,
 * which only one process can do: a link to a complete file either appears or fails. The highest file is never removed,
 * so a number is never used twice and a slow contender cannot win with a number that somebody else already had.
 */
export function takeProcessLock(dir: string): ProcessLock | { readonly heldBy: number } {
  const self: Owner = { pid: process.pid, start: startTime(process.pid), bootId: bootId() };
  for (;;) {
    const numbers = lockNumbers(dir);
    const last = numbers.at(-1) ?? 0;
    const owner = last === 0 ? undefined : readOwner(join(dir, `lock.${last}`));
    if (owner && isAlive(owner)) return { heldBy: owner.pid };
    const mine = join(dir, `lock.${last + 1}`);
    if (!createWhole(dir, mine, self)) continue;
    for (const n of numbers) rmSync(join(dir, `lock.${n}`), { force: true });
    return { release: () => replaceWhole(mine, { ...self, released: true }) };
  }
}

function lockNumbers(dir: string): number[] {
  return readdirSync(dir)
    .map((name) => /^lock\.(\d+)$/.exec(name)?.[1])
    .filter((n) => n !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined; // taken over meanwhile, or written by a machine that died before the content was on disk
  }
}

function isAlive(owner: Owner): boolean {
  if (owner.released === true || owner.bootId !== bootId()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startTime(owner.pid) === owner.start;
}

function createWhole(dir: string, path: string, owner: Owner): boolean {
  const draft = join(dir, `draft.${owner.pid}`);
  replaceWhole(draft, owner);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function replaceWhole(path: string, owner: Owner): void {
  writeFileSync(path, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
}

function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name may hold anything, so fields are counted from its closing bracket: start time is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
