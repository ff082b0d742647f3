import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { silentLogger, systemClock } from '@edgeplane/base';
import { identityOf, listCommandLines, terminate } from '../process/index.js';
import { QemuEngine } from './engine.js';
import type { HostForward, Nic } from './network-spec.js';
import type { VmSpec } from './spec.js';
import type { VmStep } from './vm.js';

/** What tests of real machines share: the sample guest, a directory, an engine on it. */
export interface EngineContext {
  image: string;
  dir: string;
  engine: QemuEngine;
}

/** For waiting until a guest answers; a busy machine without KVM boots slowly. */
export const boot = { clock: systemClock, deadlineMs: 120_000 };

/** Path of the sample guest, built when it is not there yet. */
export async function guestImage(): Promise<string> {
  const build = fileURLToPath(new URL('../../../../deploy/images/guest/build.sh', import.meta.url));
  const { stdout } = await promisify(execFile)(build, []);
  return stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
}

export async function openEngine(c: EngineContext): Promise<void> {
  c.dir = await mkdtemp(join(tmpdir(), 'qemu-engine-'));
  c.engine = engineAt(c.dir);
}

/** Ends every machine of the directory and removes it. */
export async function clearEngine(c: EngineContext): Promise<void> {
  for (const pid of await processesOf(c.dir)) {
    const identity = await identityOf(pid);
    if (identity) await terminate(identity, { clock: systemClock, graceMs: 0 });
  }
  await c.engine.close();
  await rm(c.dir, { recursive: true, force: true });
}

export function engineAt(dir: string): QemuEngine {
  return new QemuEngine({ stateDir: dir, clock: systemClock, logger: silentLogger });
}

/** Pids of all processes that were given a path in the directory of machines. */
export async function processesOf(dir: string): Promise<number[]> {
  const all = await listCommandLines();
  return all
    .filter(({ pid, args }) => pid !== process.pid && args.some((a) => a.startsWith(`${dir}/vms/`)))
    .map(({ pid }) => pid);
}

export function specOf(c: EngineContext, change: Partial<VmSpec> = {}): VmSpec {
  return { id: 'vm', cpus: 1, memoryMib: 192, image: c.image, nics: [{ type: 'user' }], ...change };
}

export function user(...forwards: HostForward[]): Nic[] {
  return [{ type: 'user', forwards }];
}

export function local(proto: 'tcp' | 'udp', hostPort: number, guestPort: number): HostForward {
  return { proto, hostAddr: '127.0.0.1', hostPort, guestPort };
}

export function listen(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = await listen();
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The error that `work` fails with; undefined when it does not. */
export async function failure(work: Promise<unknown>): Promise<Error | undefined> {
  return work.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
}

/** Waits for a condition, at most a minute. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 60_000;
  while (!(await condition())) {
    if (systemClock.monotonic() > deadline) throw new Error(`not in a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Runs `work`, which uses `engine`, in a process of its own that kills itself at `step`. Says whether it came to that;
 * otherwise it has done all its work.
 */
export function crashAt(step: VmStep, dir: string, work: string): boolean {
  const here = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    import { silentLogger, systemClock } from '@edgeplane/base';
    import { QemuEngine } from ${here('./engine.ts')};
    const onStep = (id, step) => { if (step === '${step}') process.kill(process.pid, 'SIGKILL'); };
    const engine = new QemuEngine({
      stateDir: ${JSON.stringify(dir)}, clock: systemClock, logger: silentLogger, accelerator: 'tcg', onStep });
    ${work}`;
  const args = ['--import', 'tsx', '--conditions=source', '--input-type=module', '-e', script];
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', cwd });
  if (run.signal !== 'SIGKILL' && run.status !== 0) throw new Error(`${step}: ${run.stderr}`);
  return run.signal === 'SIGKILL';
}
