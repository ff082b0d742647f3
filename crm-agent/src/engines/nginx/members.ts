import { readdir, readlink } from 'node:fs/promises';
import { identityOf, type ProcessIdentity, readCommandLine } from '../process/index.js';

/** A process of one nginx. */
export interface Member {
  readonly identity: ProcessIdentity;
  /** What it does, as nginx titles itself. */
  readonly title: string;
}

/** Processes of the nginx that works in `dir`, whoever started them: an nginx elsewhere is somebody else's. */
export async function membersIn(dir: string): Promise<readonly Member[]> {
  const found: Member[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || (await linkOf(name, 'cwd')) !== dir) continue;
    if (!(await linkOf(name, 'exe')).endsWith('/nginx')) continue;
    const identity = await identityOf(Number(name));
    if (identity) found.push({ identity, title: await titleOf(identity.pid) });
  }
  return found;
}

export async function titleOf(pid: number): Promise<string> {
  return (await readCommandLine(pid)).join(' ').trim();
}

/** Also right after its start, when it has no title yet. */
export const isMaster = ({ title }: Member): boolean => !title.startsWith('nginx: worker');

/** It takes no new connections any more. */
export const isEnding = (title: string): boolean => title.endsWith('is shutting down');

/** The target of a link of /proc; a folder or program that has been removed counts as what it was. */
async function linkOf(pid: string, name: 'cwd' | 'exe'): Promise<string> {
  const target = await readlink(`/proc/${pid}/${name}`).catch(() => '');
  return target.replace(/ \(deleted\)$/, '');
}
