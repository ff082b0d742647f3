import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind, ManualClock, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { processErrors } from './errors.js';
import { identityOf, isAlive, type ProcessIdentity, toIdentity } from './identity.js';
import { parseProcStat, readCommandLine, readProcStat } from './proc.js';
import { exitOf, type SpawnedProcess, spawnDetached, terminate, waitForExit } from './supervise.js';

const context = { dir: '' };
const test = suite('process supervision', context);
test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'supervise-'));
});
test.after.each(async (c) => {
  await rm(c.dir, { recursive: true, force: true });
});

function shell(dir: string, script: string): Promise<SpawnedProcess> {
  return spawnDetached({ command: '/bin/sh', args: ['-c', script], cwd: dir, logFile: join(dir, 'log') });
}

function known(process: SpawnedProcess): ProcessIdentity {
  if (!process.identity) throw new Error('the process ended before it was looked at');
  return process.identity;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('condition not met in 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('stat is read from the last bracket on, so a hostile command name changes nothing', () => {
  const tail = `S 1 2 3 4 5 6 7 8 9 10 70 30 13 14 15 16 17 18 4242 20`;
  assert.equal(parseProcStat(`77 (a) R 9 (x) ${tail}`), {
    state: 'S',
    cpuTicks: 100,
    startTicks: '4242',
    session: 3,
  });
  assert.is(parseProcStat('77 (cut short'), undefined);
});

test('output goes to the file and the exit code is known', async ({ dir }) => {
  const child = await shell(dir, 'echo out; echo err >&2; exit 3');
  assert.equal(await child.exited, { code: 3, signal: null });
  assert.is(await readFile(join(dir, 'log'), 'utf8'), 'out\nerr\n');
});

test('the exit of a process that has ended is waited for, with nothing else to keep us alive', async ({
  dir,
}) => {
  const child = await shell(dir, 'exit 4');
  assert.equal(await exitOf(child.exited, systemClock), { code: 4, signal: null });
  const clock = new ManualClock();
  const never = exitOf(new Promise(() => undefined), clock);
  clock.advance(2000);
  assert.equal(await never, { code: null, signal: null });
});

test('a process is alive until it ends', async ({ dir }) => {
  const child = await shell(dir, 'exec sleep 60');
  const id = known(child);
  assert.is(await isAlive(id), true);
  await until(async () => (await readCommandLine(id.pid))[0] === 'sleep');
  assert.is(await terminate(id, { clock: systemClock, graceMs: 5000 }), 'SIGTERM');
  assert.is(await isAlive(id), false);
  assert.is(await terminate(id, { clock: systemClock, graceMs: 5000 }), 'gone');
  assert.equal(await child.exited, { code: null, signal: 'SIGTERM' });
});

test('a process that ignores SIGTERM is killed after the grace period', async ({ dir }) => {
  const child = await shell(dir, "trap '' TERM; echo armed; while :; do sleep 0.05; done");
  await until(async () => (await readFile(join(dir, 'log'), 'utf8')).includes('armed'));
  assert.is(await terminate(known(child), { clock: systemClock, graceMs: 200 }), 'SIGKILL');
  assert.equal(await child.exited, { code: null, signal: 'SIGKILL' });
});

test('a reused pid is another process: not alive, never signalled', async ({ dir }) => {
  const child = await shell(dir, 'exec sleep 60');
  const id = known(child);
  for (const stale of [
    { ...id, startTicks: String(Number(id.startTicks) - 1) },
    { ...id, bootId: 'a-boot-before' },
  ]) {
    assert.is(await isAlive(stale), false);
    assert.is(await terminate(stale, { clock: systemClock, graceMs: 0 }), 'gone');
    assert.is(await waitForExit(stale, new ManualClock(), 0), true);
  }
  assert.is(await isAlive(id), true);
  await terminate(id, { clock: systemClock, graceMs: 0 });
});

test('a zombie has ended', async ({ dir }) => {
  // The shell replaces itself by a program that never reaps the child that it inherits.
  const child = await shell(dir, 'sleep 0 & echo $!; exec sleep 60');
  const zombie = async () => Number((await readFile(join(dir, 'log'), 'utf8')).trim());
  await until(async () => (await zombie()) > 0 && (await readProcStat(await zombie()))?.state === 'Z');
  assert.is(await identityOf(await zombie()), undefined);
  await terminate(known(child), { clock: systemClock, graceMs: 0 });
});

test('a detached process outlives the process that started it', async ({ dir }) => {
  const module = new URL('./supervise.ts', import.meta.url).href;
  const script = `
    import { spawnDetached } from ${JSON.stringify(module)};
    const p = await spawnDetached({ command: 'sleep', args: ['60'], cwd: '/', logFile: ${JSON.stringify(join(dir, 'log'))} });
    process.stdout.write(JSON.stringify(p.identity), () => process.kill(process.pid, 'SIGKILL'));`;
  const run = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', '--input-type=module', '-e', script],
    {
      encoding: 'utf8',
    },
  );
  assert.is(run.signal, 'SIGKILL', run.stderr);
  const id = toIdentity(JSON.parse(run.stdout));
  assert.ok(id);
  if (!id) return;
  assert.is(await isAlive(id), true);
  assert.is(await terminate(id, { clock: systemClock, graceMs: 5000 }), 'SIGTERM');
});

test('a missing command is named', async ({ dir }) => {
  const error = await spawnDetached({
    command: '/nowhere/tool',
    args: [],
    cwd: dir,
    logFile: join(dir, 'log'),
  }).then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(isKind(error, processErrors.processNotFound));
  assert.match((error as Error).message, '/nowhere/tool');
});

test('only a whole identity is read back', () => {
  assert.equal(toIdentity({ pid: 7, startTicks: '1', bootId: 'b' }), {
    pid: 7,
    startTicks: '1',
    bootId: 'b',
  });
  for (const wrong of [undefined, null, 7, {}, { pid: 0, startTicks: '1', bootId: 'b' }, { pid: 7 }]) {
    assert.is(toIdentity(wrong), undefined);
  }
});

test.run();
