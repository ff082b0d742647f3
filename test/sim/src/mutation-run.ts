import { spawn } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const REPOSITORY = resolve(ROOT, '../..');

export interface Hunt {
  /** Seeds are run from 1 up to this many, until one fails. */
  readonly seeds: number;
  /** Seeds that fail by themselves. */
  readonly except: readonly number[];
  readonly timeoutMs: number;
}

export interface Catch {
  /** The first seed that failed; undefined when none did. */
  readonly seed: number | undefined;
  /** What was wrong first, or all that was said when nothing was. */
  readonly text: string;
}

/** Runs seeds in a process of its own, with a mutation of the source or none, until one fails. */
export async function hunt(mutation: Mutation | undefined, options: Hunt): Promise<Catch> {
  const output = await simulate(
    ['--seeds', String(options.seeds), '--stop', '--except', options.except.join(',')],
    mutation,
    options.timeoutMs,
  );
  const found = /^seed (\d+), [^\n]*\n +([^\n]+)/m.exec(output);
  return found ? { seed: Number(found[1]), text: found[2] ?? '' } : { seed: undefined, text: output.trim() };
}

/** Seeds that fail by themselves. */
export async function failingSeeds(seeds: number, timeoutMs: number): Promise<number[]> {
  const output = await simulate(['--seeds', String(seeds)], undefined, timeoutMs);
  return [...output.matchAll(/^seed (\d+), /gm)].map(([, seed]) => Number(seed));
}

/** Whether the test of a mutation fails with it; a test that does not end has failed. */
export async function testFails(mutation: Mutation, test: string, timeoutMs: number): Promise<boolean> {
  const { passed } = await run(join(REPOSITORY, test), [], mutation, timeoutMs);
  return !passed;
}

async function simulate(
  args: readonly string[],
  mutation: Mutation | undefined,
  timeoutMs: number,
): Promise<string> {
  return (await run(join(ROOT, 'src/main.ts'), args, mutation, timeoutMs)).output;
}

function run(
  file: string,
  args: readonly string[],
  mutation: Mutation | undefined,
  timeoutMs: number,
): Promise<{ readonly passed: boolean; readonly output: string }> {
  const imports = ['--import', join(ROOT, 'mutate.mjs'), '--import', 'tsx', '--conditions=source'];
  const child = spawn(process.execPath, [...imports, file, ...args], {
    cwd: REPOSITORY,
    env: { ...process.env, EDGEPLANE_MUTATION: mutation ? JSON.stringify(mutation) : '' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  return new Promise((done, reject) => {
    child.on('error', reject);
    child.on('close', (code) => done({ passed: code === 0, output }));
  });
}
