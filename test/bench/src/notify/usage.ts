import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc, which Linux has fixed. */
const TICKS = 100;

/** What a process has used. */
export interface Usage {
  /** Milliseconds of processor time since its start, in steps of ten. */
  readonly cpuMs: number;
  /** Resident memory now and at most, megabytes. */
  readonly residentMb: number;
  readonly peakMb: number;
}

/** Processor time per unit of work between two readings, microseconds; not zero, as the clock of /proc is a coarse one. */
export function cpuEach(before: Usage, after: Usage, work: number): number {
  return Math.max(((after.cpuMs - before.cpuMs) * 1000) / work, 0.001);
}

/** @throws Error when there is no such process */
export function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name, which may have blanks in it: user and system time are the fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpuMs: (ticks / TICKS) * 1000, residentMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
}
