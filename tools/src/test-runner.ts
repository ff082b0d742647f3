/**
 * Runs test files, each in a process of its own with a time limit, and the repository's checks beside them.
 *
 * usage: test-runner [--only <text>] [--jobs N] [--list] [--no-checks]
 * A file may say in a comment near its top: `// test: timeout=300s` and `// test: serial` (uses what the host
 * has once, such as its network, and runs when no other such file does).
 * Exit status 0 when everything passed. The last line is `N passed, N failed`.
 */
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseFlags } from '@edgeplane/base';
import { CHECKS, findTestFiles, type Job, testJob } from './test-jobs.js';
import { runLanes } from './test-lanes.js';
import { type JobResult, runJob } from './test-process.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const { values } = parseFlags(
  {
    only: { type: 'string', default: '', about: 'run only files whose path contains this text' },
    jobs: { type: 'number', default: String(availableParallelism()), about: 'processes at once' },
    list: { type: 'boolean', default: 'false', about: 'print what would run' },
    checks: { type: 'boolean', default: 'true', about: 'run the repository checks too' },
  },
  process.argv.slice(2).map((arg) => (arg === '--no-checks' ? '--checks=false' : arg)),
);

const files = findTestFiles(root).filter((file) => file.includes(values.only));
const checks = values.checks && values.only === '' ? CHECKS : [];
const jobs: Job[] = [...checks, ...files.map((file) => testJob(root, file))];

if (values.list) {
  for (const job of jobs) process.stdout.write(`${job.name}\n`);
} else {
  const results = await runLanes(jobs, Math.max(1, values.jobs), announce);
  report(results);
}

async function announce(job: Job): Promise<JobResult> {
  const result = await runJob(root, job);
  const mark = result.failed === 0 ? 'ok  ' : 'FAIL';
  process.stdout.write(
    `${mark} ${job.name}  ${result.passed} passed, ${result.failed} failed, ${(result.ms / 1000).toFixed(1)} s\n`,
  );
  if (result.failed > 0) process.stdout.write(`${result.output.trimEnd()}\n`);
  return result;
}

function report(results: readonly JobResult[]): void {
  const passed = results.reduce((sum, r) => sum + r.passed, 0);
  const failed = results.reduce((sum, r) => sum + r.failed, 0);
  for (const r of results.filter((x) => x.failed > 0)) process.stdout.write(`failed: ${r.name}\n`);
  if (passed + failed === 0) process.stdout.write('no test ran\n');
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}
