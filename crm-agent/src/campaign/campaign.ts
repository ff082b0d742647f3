import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@edgeplane/base';
import { addedSince, type HostState, hostState, machinesOf } from './host-state.js';
import type { ChildTask, Work } from './work.js';

export interface CampaignOptions {
  readonly works: readonly Work[];
  /** The first change that is the last of an agent, and how many are passed over after each. */
  readonly from: number;
  readonly every: number;
  readonly imageDir: string;
  readonly nodeImage: string;
  readonly publicAddr: string;
  readonly port: number;
  readonly say: (line: string) => void;
}

export interface CampaignReport {
  readonly kills: number;
  /** By work: how many changes it is made of. */
  readonly changes: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** Machines that run when the work is complete. */
const MACHINES: Readonly<Record<Work, number>> = { create: 1, 'scale up': 2, 'scale down': 1, delete: 0 };
/** What comes before it. */
const BEFORE: Readonly<Record<Work, readonly Work[]>> = {
  create: [],
  'scale up': ['create'],
  'scale down': ['create', 'scale up'],
  delete: ['create'],
};

/**
 * Agents with real machines die at one change after the other of each work. The next one completes it: the App serves, and there
 * are as many machines as there should be; after a delete the host is as it was.
 */
export async function vmClusterCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { works, from, every, say } = options;
  const changes: Record<string, number> = {};
  const faults: string[] = [];
  let kills = 0;
  for (const work of works) {
    for (let at = from; ; at += every) {
      const { ended, found } = await one(options, work, at);
      const where =
        ended.died === undefined
          ? `${work}: whole, ${ended.changes} changes`
          : `${work}, ${at}: ${ended.died}`;
      say(`${where}: ${found.length === 0 ? 'well' : found.join('; ')}`);
      faults.push(...found.map((fault) => `${where}: ${fault}`));
      if (ended.died === undefined) {
        changes[work] = ended.changes;
        break;
      }
      kills += 1;
    }
  }
  return { kills, changes, faults };
}

async function one(
  options: CampaignOptions,
  work: Work,
  dieAt: number,
): Promise<{ readonly ended: Ended; readonly found: readonly string[] }> {
  const stateDir = await mkdtemp(join(tmpdir(), 'ep-campaign-'));
  const before = await hostState(stateDir);
  const life = (w: Work, over: Partial<ChildTask> = {}) => {
    const { imageDir, nodeImage, publicAddr, port } = options;
    return child({
      work: w,
      dieAt: 0,
      last: false,
      stateDir,
      imageDir,
      nodeImage,
      publicAddr,
      port,
      ...over,
    });
  };
  let ended: Ended = { died: undefined, changes: 0 };
  const found: string[] = [];
  try {
    for (const each of BEFORE[work]) await life(each);
    ended = await life(work, { dieAt });
    await life(work);
    found.push(...(await completeFaults(options, work, await hostState(stateDir))));
  } catch (error) {
    found.push(messageOf(error));
  }
  try {
    await life('delete', { last: true });
    found.push(...addedSince(before, await hostState(stateDir)).map((line) => `left: ${line}`));
  } catch (error) {
    found.push(`it cannot be deleted: ${messageOf(error)}`);
  }
  if (found.length === 0) await rm(stateDir, { recursive: true, force: true });
  return { ended, found };
}

async function completeFaults(
  { publicAddr, port }: CampaignOptions,
  work: Work,
  state: HostState,
): Promise<string[]> {
  const faults: string[] = [];
  const machines = machinesOf(state);
  if (machines !== MACHINES[work]) faults.push(`${machines} machines run, and not ${MACHINES[work]}`);
  const page = await fetch(`http://${publicAddr}:${port}/`, { signal: AbortSignal.timeout(30_000) }).then(
    (answer) => answer.text(),
    () => '',
  );
  if (page.includes('hostname:') !== (work !== 'delete'))
    faults.push(`the App answers "${page.slice(0, 60)}"`);
  return faults;
}

/** How the life of a child ended. */
interface Ended {
  /** At which change; undefined when it lived. */
  readonly died: string | undefined;
  readonly changes: number;
}

/** @throws Error with its last words when it ended otherwise than it should */
async function child(task: ChildTask): Promise<Ended> {
  const script = fileURLToPath(import.meta.url).replace(/campaign\.(\w+)$/, 'child.$1');
  const started = spawn(process.execPath, [...process.execArgv, script, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, signal] = await Promise.all([
    text(started.stdout),
    text(started.stderr),
    new Promise<NodeJS.Signals | null>((resolve) => started.once('exit', (_, by) => resolve(by))),
  ]);
  const died = /^died at (.*)$/m.exec(said)?.[1];
  if (died !== undefined && signal === 'SIGKILL') return { died, changes: task.dieAt };
  const changes = /^done (\d+)$/m.exec(said)?.[1];
  if (changes !== undefined) return { died: undefined, changes: Number(changes) };
  throw new Error(
    `${task.work}: ${complained.trim().split('\n').slice(-8).join(' ') || `ended by ${signal}`}`,
  );
}
