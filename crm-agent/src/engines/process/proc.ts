import { readdir, readFile } from 'node:fs/promises';

/** What /proc/<pid>/stat says that we use. */
export interface ProcStat {
  /** One letter: R, S, D, Z (ended, not yet reaped), X and so on. */
  readonly state: string;
  /** Pid of the process that began its session. */
  readonly session: number;
  /** Ticks (1/100 s) of user plus system time. */
  readonly cpuTicks: number;
  /** Ticks after boot at which the process started; as text, since it is an identity and not a quantity. */
  readonly startTicks: string;
}

/** Linux reports times to user space in this unit on every architecture that we run on. */
export const TICKS_PER_SECOND = 100;

/** Reads the text of /proc/<pid>/stat. The command name may hold spaces and brackets, so fields count from the last ')'. */
export function parseProcStat(text: string): ProcStat | undefined {
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  const [state, session, utime, stime, startTicks] = [
    fields[0],
    fields[3],
    fields[11],
    fields[12],
    fields[19],
  ];
  if (!state || utime === undefined || stime === undefined || !startTicks) return undefined;
  return { state, session: Number(session), cpuTicks: Number(utime) + Number(stime), startTicks };
}

/** undefined when there is no such process. */
export async function readProcStat(pid: number): Promise<ProcStat | undefined> {
  const text = await readProcFile(pid, 'stat');
  return text === undefined ? undefined : parseProcStat(text);
}

/** The argument list of a process; empty when it is gone, ended, or a kernel thread. */
export async function readCommandLine(pid: number): Promise<readonly string[]> {
  const text = await readProcFile(pid, 'cmdline');
  return text ? text.replace(/\0$/, '').split('\0') : [];
}

/** Resident memory in bytes; 0 when the process is gone. */
export async function readResidentBytes(pid: number): Promise<number> {
  const match = /^VmRSS:\s+(\d+) kB/m.exec((await readProcFile(pid, 'status')) ?? '');
  return match ? Number(match[1]) * 1024 : 0;
}

/** Every pid with its command line, for finding processes whose record was lost. */
export async function listCommandLines(): Promise<readonly { pid: number; args: readonly string[] }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.map(async (pid) => ({ pid, args: await readCommandLine(pid) })));
  return all.filter((entry) => entry.args.length > 0);
}

/** Clock rate of the first processor in kHz; undefined where the kernel does not tell. */
export async function readProcessorKhz(): Promise<number | undefined> {
  const match = /^cpu MHz\s*:\s*([\d.]+)/m.exec(await readFile('/proc/cpuinfo', 'utf8'));
  const khz = Math.round(Number(match?.[1] ?? 0) * 1000);
  return khz > 0 ? khz : undefined;
}

/** Changes at each boot of the machine. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function readProcFile(pid: number, name: string): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
