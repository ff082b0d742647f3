import { spawn } from 'node:child_process';
import { type Job, uvuCounts } from './test-jobs.js';

export interface JobResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly ms: number;
  readonly output: string;
}

const OUTPUT_LIMIT = 200_000;

/** Runs a job in a process group of its own and ends the whole group when its time is up. */
export async function runJob(root: string, job: Job): Promise<JobResult> {
  const started = performance.now();
  const [command = '', ...args] = job.command;
  const child = spawn(command, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_LIMIT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child.pid);
  }, job.timeoutMs);
  const status = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
      resolve(127);
    });
    child.on('exit', (code) => {
      // Whatever the test left running holds the pipes open; end it, so that nothing outlives its test.
      endGroup(child.pid);
      resolve(code);
    });
  });
  clearTimeout(timer);
  if (timedOut) output += `timed out after ${job.timeoutMs / 1000} s\n`;
  return { name: job.name, ...judge(job, status, output, timedOut), ms: performance.now() - started, output };
}

function judge(
  job: Job,
  status: number | null,
  output: string,
  timedOut: boolean,
): { passed: number; failed: number } {
  const ok = status === 0 && !timedOut;
  if (!job.counts) return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const counts = uvuCounts(output);
  // A file that ran no test, or died, has failed as one.
  if (!counts || counts.total === 0) return { passed: 0, failed: 1 };
  const failed = counts.total - counts.passed;
  return { passed: counts.passed, failed: ok ? failed : Math.max(1, failed) };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}
