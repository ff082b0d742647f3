import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { takeProcessLock } from './index.js';

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'ep-lock-'));
}

test('one holder at a time, and free again after release', () => {
  const dir = folder();
  const first = takeProcessLock(dir);
  assert.not('heldBy' in first);
  assert.equal(takeProcessLock(dir), { heldBy: process.pid });
  if ('release' in first) first.release();
  assert.ok('release' in takeProcessLock(dir));
  rmSync(dir, { recursive: true });
});

test('a holder that is gone, a reused pid and an unreadable file do not hold', () => {
  for (const text of [
    'garbage',
    '{"pid":4000000,"start":"1","bootId":"x"}',
    `{"pid":${process.pid},"start":"1","bootId":"x"}`,
  ]) {
    const dir = folder();
    writeFileSync(join(dir, 'lock.3'), text);
    assert.ok('release' in takeProcessLock(dir), text);
    rmSync(dir, { recursive: true });
  }
});

test('of many processes at once, one takes over a stale lock', async () => {
  const dir = folder();
  writeFileSync(join(dir, 'lock.7'), 'garbage');
  const script = `
    import { takeProcessLock } from ${JSON.stringify(new URL('./process-lock.ts', import.meta.url).href)};
    process.stdout.write('waiting\\n');
    process.stdin.once('data', () => {
      process.stdout.write('heldBy' in takeProcessLock(${JSON.stringify(dir)}) ? 'refused\\n' : 'taken\\n');
    });
  `;
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const lines = children.map((child) => {
    const seen: string[] = [];
    const waiting: ((line: string) => void)[] = [];
    child.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').filter(Boolean)) {
        const take = waiting.shift();
        if (take) take(line);
        else seen.push(line);
      }
    });
    return () =>
      new Promise<string>((resolve) => {
        const line = seen.shift();
        if (line !== undefined) resolve(line);
        else waiting.push(resolve);
      });
  });
  await Promise.all(lines.map((next) => next()));
  for (const child of children) child.stdin.write('go\n');
  const answers = await Promise.all(lines.map((next) => next()));
  assert.is(answers.filter((a) => a === 'taken').length, 1, answers.join(' '));
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

test.run();
