import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, Logger } from '@edgeplane/base';
import { readBootId } from '../process/index.js';
import { writeJson } from './files.js';
import type { AcceleratorName } from './machine-args.js';
import { runTool } from './tools.js';

export interface Accelerator {
  readonly name: AcceleratorName;
  /** Why this one; for the log and for people. */
  readonly reason: string;
}

export interface ProbeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the result is kept until the machine boots again or QEMU changes. */
  readonly stateFile: string;
  readonly command?: string;
  /** Default /dev/kvm. */
  readonly kvmDevice?: string;
  /** Time for the KVM guest; default 3000. Software emulation needs about 200. */
  readonly limitMs?: number;
}

/** What the probe guest writes to the debug-exit port, and the exit status QEMU makes of it: (v << 1) | 1. */
const TOKEN = 0x2a;
export const PROBE_EXIT = (TOKEN << 1) | 1;
const LOOPS = 20_000_000;
const ROM_SIZE = 65_536;

/**
 * Firmware of the probe guest: counts down from twenty million, then writes the token. A KVM that opens but is itself
 * emulated passes any test that only asks for a sign of life; it does not pass one that needs speed.
 */
export function probeRom(): Buffer {
  const rom = Buffer.alloc(ROM_SIZE, 0xf4);
  const count = Buffer.alloc(4);
  count.writeUInt32LE(LOOPS);
  rom.set([0x66, 0xb9, ...count], 0); // mov ecx, LOOPS
  rom.set([0x66, 0x49, 0x75, 0xfc], 6); // dec ecx; jnz back to dec
  rom.set([0xba, 0x01, 0x05, 0xb0, TOKEN, 0xee], 10); // mov dx, 0x501; mov al, TOKEN; out dx, al
  rom.set([0xf4, 0xeb, 0xfd], 16); // hlt for ever
  rom.set([0xea, 0x00, 0x00, 0x00, 0xf0], ROM_SIZE - 16); // reset vector: jmp f000:0000
  return rom;
}

/** Finds out by running a guest whether KVM works here; otherwise software emulation (TCG). */
export async function probeAccelerator(options: ProbeOptions): Promise<Accelerator> {
  const command = options.command ?? 'qemu-system-x86_64';
  const version = (await runTool(command, ['--version'])).stdout.split('\n')[0] ?? '';
  const key = `${await readBootId()} ${version}`;
  const known = await readKnown(options.stateFile, key);
  if (known) {
    options.logger.info({ accelerator: known.name, reason: known.reason }, 'Accelerator as found before');
    return known;
  }
  const reason = await kvmProblem(options, command);
  const found: Accelerator = reason
    ? { name: 'tcg', reason: `KVM is not used: ${reason}` }
    : { name: 'kvm', reason: 'a probe guest ran to its end under KVM' };
  options.logger.info({ accelerator: found.name, reason: found.reason }, 'Accelerator chosen');
  await writeJson(options.stateFile, { key, ...found });
  return found;
}

/** What is wrong with KVM; undefined when nothing is. */
async function kvmProblem(options: ProbeOptions, command: string): Promise<string | undefined> {
  const device = options.kvmDevice ?? '/dev/kvm';
  try {
    await access(device, constants.R_OK | constants.W_OK);
  } catch (error) {
    return `${device} cannot be opened (${(error as NodeJS.ErrnoException).code})`;
  }
  const limitMs = options.limitMs ?? 3000;
  const result = await runProbe(command, ['-accel', 'kvm', '-cpu', 'host'], options.clock, limitMs);
  if (result === 'timeout') return `the probe guest hung for ${limitMs} ms under KVM`;
  if (result.code === PROBE_EXIT) return undefined;
  const detail = result.stderr.trim().split('\n').at(-1) ?? '';
  const how = result.signal ? `was ended by ${result.signal}` : `ended with status ${result.code}`;
  return `the probe guest ${how}${detail ? `: ${detail}` : ''}`;
}

export type ProbeResult =
  | 'timeout'
  | { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string };

/** Runs the probe guest. On timeout it is killed hard and not waited for: a broken KVM may hold it in the kernel. */
export async function runProbe(
  command: string,
  accelArgs: readonly string[],
  clock: Clock,
  limitMs: number,
): Promise<ProbeResult> {
  const dir = await mkdtemp(join(tmpdir(), 'edgeplane-probe-'));
  try {
    const rom = join(dir, 'probe.rom');
    await writeFile(rom, probeRom());
    const machine = ['-machine', 'pc', '-m', '16', '-bios', rom, '-no-reboot'];
    const bare = ['-nodefaults', '-no-user-config', '-display', 'none'];
    const port = ['-device', 'isa-debug-exit,iobase=0x501,iosize=1'];
    const args = [...machine, ...bare, ...accelArgs, ...port];
    return await new Promise<ProbeResult>((resolve, reject) => {
      const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      const cancel = clock.after(limitMs, () => {
        child.kill('SIGKILL');
        child.stderr.destroy();
        child.unref();
        resolve('timeout');
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      child.once('error', (error) => {
        cancel();
        reject(error);
      });
      child.once('close', (code, signal) => {
        cancel();
        resolve({ code, signal, stderr });
      });
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readKnown(path: string, key: string): Promise<Accelerator | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const { name, reason } = value;
    if (value['key'] !== key || (name !== 'kvm' && name !== 'tcg') || typeof reason !== 'string')
      return undefined;
    return { name, reason };
  } catch {
    // Absent or unreadable: it is only a cache.
    return undefined;
  }
}
