import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, fail, isThere, type Logger, messageOf, sleep } from '@edgeplane/base';
import {
  exitOf,
  FIRST_SHARED_FD,
  isAlive,
  type ProcessExit,
  type ProcessIdentity,
  readBootId,
  readCommandLine,
  spawnDetached,
  terminate,
  waitForExit,
} from '../process/index.js';
import { qemuArgs } from './args.js';
import { seedImage } from './cloud-init.js';
import { qemuErrors } from './errors.js';
import { lastError, portConflict, shutdownCause } from './exit-reason.js';
import { readTail, writeDurably } from './files.js';
import { agentIsOpen, withAgent } from './guest-agent.js';
import { attachBridges, requireLinks } from './host-network.js';
import { createDisk, requireUnchanged } from './images.js';
import { diskFile } from './layers.js';
import type { HostTraits } from './machine-args.js';
import { openMacvtaps, removeMacvtaps } from './macvtap.js';
import { QmpClient } from './qmp.js';
import { toolMissing } from './tools.js';
import { AGENT_SOCKET, QMP_SOCKET, type RunRecord, type VmDir } from './vm-dir.js';
import type { VmRecord } from './vm-record.js';

/** Points at which a crash must do no harm; tests kill the process there. */
export type VmStep =
  | 'resolved'
  | 'recorded'
  | 'disk'
  | 'seed'
  | 'prepared'
  | 'spawned'
  | 'noted'
  | 'answers'
  | 'started'
  | 'forwards-recorded'
  | DiskStep;

/** Points within work on disks. */
export type DiskStep =
  | 'disks-recorded'
  | 'overlays-made'
  | 'memory-saved'
  | 'overlays-taken'
  | 'disks-settled'
  | 'stopped'
  | 'merged'
  | 'merge-recorded'
  | 'clone-filled'
  | 'resources-recorded';

export interface VmContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly command: string;
  readonly onStep: (id: string, step: VmStep) => void | Promise<void>;
}

export type VmState = 'running' | 'stopped' | 'missing' | 'failed';

export interface VmOutcome {
  readonly state: VmState;
  /** Why it does not run. */
  readonly reason?: string;
}

const LOG_TAIL = 64 * 1024;
const START_LIMIT_MS = 15_000;
const QUIT_LIMIT_MS = 5000;
/** A guest that is still booting drops the power button; it is pressed again after this time. */
const PRESS_AGAIN_MS = 3000;
/** Of the grace period; the rest is for the power button, as an agent may promise what its guest does not do. */
const AGENT_SHARE = 0.5;

/** Makes the disks and the seed that are not there yet. Each appears by rename, so what is there is whole. */
export async function prepareVm(context: VmContext, dir: VmDir, record: VmRecord): Promise<void> {
  const { spec } = record;
  // A clone came with its disks; and once layers have been made the first may be gone for good.
  if (!record.layers && !record.clone) {
    if (!record.adopted)
      await unlessThere(dir.disk('boot'), (path) => createDisk(path, record.base, spec.diskMib));
    for (const disk of spec.extraDisks ?? []) {
      const base = record.extraBases[disk.name];
      await unlessThere(dir.disk(diskFile(disk.name)), (path) => createDisk(path, base, disk.sizeMib));
    }
  }
  await context.onStep(spec.id, 'disk');
  const { cloudInit } = spec;
  if (cloudInit) await unlessThere(dir.seed, (path) => writeDurably(path, seedImage(cloudInit)));
  await context.onStep(spec.id, 'seed');
}

/** True when that process runs and is the QEMU of this machine. */
export async function runsVm(identity: ProcessIdentity, dir: VmDir): Promise<boolean> {
  return (await isAlive(identity)) && isQemuOf(await readCommandLine(identity.pid), dir.pidFile);
}

/** True for the command line of a QEMU that was started with that pid file. */
export function isQemuOf(args: readonly string[], pidFile: string): boolean {
  const at = args.indexOf('-pidfile');
  return at > 0 && args[at + 1] === pidFile;
}

/** What became of a machine, from its records and the process table. `exit` is known for our own children only. */
export async function outcomeOf(
  dir: VmDir,
  run: RunRecord | undefined,
  exit?: ProcessExit,
): Promise<VmOutcome> {
  if (!run) return { state: 'stopped', reason: 'never started' };
  if (await runsVm(run.identity, dir)) return { state: 'running' };
  if (run.identity.bootId !== (await readBootId()))
    return { state: 'failed', reason: 'the host has rebooted' };
  const log = await readTail(dir.log, LOG_TAIL);
  const cause = shutdownCause(log);
  if (run.stopRequested || cause === 'guest-shutdown')
    return { state: 'stopped', reason: cause ?? 'killed on request' };
  if (cause) return { state: 'failed', reason: cause };
  const words = lastError(log);
  const signal = exit?.signal ? `QEMU ended by ${exit.signal}` : 'QEMU ended without a recorded cause';
  return { state: 'failed', reason: words ? `${signal}: ${words}` : signal };
}

export interface StartedVm {
  readonly run: RunRecord;
  readonly exited: Promise<ProcessExit>;
}

/**
 * Starts QEMU and waits until it answers. When it does not come up nothing is left running. With a file of `memory` the
 * machine stands where that was taken, and waits to be told to go on.
 */
export async function startVm(
  context: VmContext,
  dir: VmDir,
  record: VmRecord,
  host: HostTraits,
  memory?: FileHandle,
): Promise<StartedVm> {
  const { id, nics } = record.spec;
  const { accelerator } = host;
  const args = qemuArgs(record.spec, dir.paths(record), host);
  await requireLinks(id, nics);
  for (const base of [record.base, ...Object.values(record.extraBases)])
    if (base) await requireUnchanged(base);
  await dir.rotate();
  await context.onStep(id, 'prepared');
  const root = dirname(dir.path);
  const macvtaps = await openMacvtaps(root, dir.path, id, nics);
  const memoryFd = FIRST_SHARED_FD + macvtaps.length;
  const child = await spawnDetached({
    command: context.command,
    args: memory ? [...args, '-S', '-incoming', `fd:${memoryFd}`] : args,
    cwd: dir.path,
    logFile: dir.log,
    ...(host.guestGid === undefined ? {} : { gid: host.guestGid }),
    shared: [...macvtaps, ...(memory ? [memory] : [])].map(({ fd }) => fd),
  })
    .catch((error: unknown) => {
      const missing = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
      throw missing ? toolMissing(context.command) : error;
    })
    .finally(() => Promise.all(macvtaps.map((device) => device.close())));
  const { identity } = child;
  await context.onStep(id, 'spawned');
  if (!identity) throw await startFailure(dir, await exitOf(child.exited, context.clock));
  const startedAt = context.clock.now();
  const run: RunRecord = { identity, startedAt, accelerator, stopRequested: false };
  try {
    await dir.writeRun(run);
    await context.onStep(id, 'noted');
    await waitForQmp(context, dir, identity, child.exited);
    await context.onStep(id, 'answers');
    await attachBridges(root, id, nics);
  } catch (error) {
    await terminate(identity, { clock: context.clock, graceMs: 0 });
    await removeMacvtaps(root, id);
    throw error;
  }
  await context.onStep(id, 'started');
  return { run, exited: child.exited };
}

/** Ready means: the QMP handshake works. QEMU opens it only after all devices and forwards are made. */
async function waitForQmp(
  context: VmContext,
  dir: VmDir,
  identity: ProcessIdentity,
  exited: Promise<ProcessExit>,
): Promise<void> {
  const { clock } = context;
  const deadline = clock.monotonic() + START_LIMIT_MS;
  for (;;) {
    const left = deadline - clock.monotonic();
    try {
      const path = dir.socket(QMP_SOCKET, identity.pid);
      (await QmpClient.connect({ path, clock, timeoutMs: Math.max(1, left) })).close();
      return;
    } catch (error) {
      if (!(await isAlive(identity))) throw await startFailure(dir, await exitOf(exited, clock));
      if (left <= 0) {
        throw fail(qemuErrors.vmStartFailed, { id: dir.id, reason: messageOf(error) }, { cause: error });
      }
    }
    await sleep(clock, 10);
  }
}

async function startFailure(dir: VmDir, exit: ProcessExit): Promise<Error> {
  const log = await readTail(dir.log, LOG_TAIL);
  const conflict = portConflict(log);
  if (conflict) return fail(qemuErrors.portInUse, { id: dir.id, ...conflict });
  const how = exit.signal ? `QEMU ended by ${exit.signal}` : `QEMU ended with status ${exit.code}`;
  return fail(qemuErrors.vmStartFailed, { id: dir.id, reason: lastError(log) ?? how });
}

/** Time for the guest to shut down, which the signal ends. */
export interface StopOptions {
  readonly graceMs: number;
  readonly signal?: AbortSignal;
}

export type StopMeans = 'gone' | 'agent' | 'powerdown' | 'quit' | 'kill';

/**
 * Ends a running machine: guest agent, power button, `quit`, SIGKILL. Says which of them did it. The signal ends the waiting
 * for the guest, which may still obey.
 */
export async function stopVm(
  context: VmContext,
  dir: VmDir,
  identity: ProcessIdentity,
  options: StopOptions,
): Promise<StopMeans> {
  const means = await endVm(context, dir, identity, options);
  await removeMacvtaps(dirname(dir.path), dir.id);
  return means;
}

async function endVm(
  context: VmContext,
  dir: VmDir,
  identity: ProcessIdentity,
  { graceMs, signal }: StopOptions,
): Promise<StopMeans> {
  const { clock, logger } = context;
  if (!(await runsVm(identity, dir))) return 'gone';
  const path = dir.socket(QMP_SOCKET, identity.pid);
  const client = await QmpClient.connect({ path, clock, timeoutMs: 2000 }).catch((error: unknown) => {
    logger.warn({ vm: dir.id, err: error }, 'QMP does not answer; the process is killed');
    return undefined;
  });
  try {
    const deadline = clock.monotonic() + graceMs;
    if (client && graceMs > 0 && (await tellAgent(context, dir, identity.pid, client))) {
      if (await waitForExit(identity, clock, AGENT_SHARE * graceMs, signal)) return 'agent';
    }
    while (client && clock.monotonic() < deadline) {
      await unlessClosing(client.execute('system_powerdown'));
      const left = Math.max(0, deadline - clock.monotonic());
      if (await waitForExit(identity, clock, Math.min(PRESS_AGAIN_MS, left), signal)) return 'powerdown';
    }
    if (client) {
      await unlessClosing(client.execute('quit'));
      if (await waitForExit(identity, clock, QUIT_LIMIT_MS)) return 'quit';
    }
  } finally {
    client?.close();
  }
  return (await terminate(identity, { clock, graceMs: 0 })) === 'gone' ? 'gone' : 'kill';
}

/** Asks the guest to power off by its agent; false when there is none. */
async function tellAgent({ clock }: VmContext, dir: VmDir, pid: number, client: QmpClient): Promise<boolean> {
  if (!(await agentIsOpen(client).catch(() => false))) return false;
  const options = { id: dir.id, path: dir.socket(AGENT_SOCKET, pid), clock };
  return withAgent(options, (agent) => agent.tell('guest-shutdown', { mode: 'powerdown' })).catch(
    () => false,
  );
}

/** A command on which QEMU may end gets no answer then; whether it ended is seen in the process table. */
async function unlessClosing(answer: Promise<unknown>): Promise<void> {
  await answer.catch(() => undefined);
}

async function unlessThere(path: string, make: (path: string) => Promise<void>): Promise<void> {
  const there = await isThere(path);
  if (!there) await make(path);
}
