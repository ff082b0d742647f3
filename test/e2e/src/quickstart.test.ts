// test: timeout=900s serial
/** `npm start`, as a new user runs it: in a clean clone, with nothing installed. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  eventually,
  hostSnapshot,
  NOTHING_LEFT,
  newSince,
  ROOT,
  runCommand,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PAGES = [
  /hello from Hamburg: http:\/\/berlin\.acme-mobile\.edge\.internal:8080\/ \(container\) says: \S+/,
  /hello from Zurich: http:\/\/munich\.acme-mobile\.edge\.internal:8080\/ \(container\) says: \S+/,
  /hello-vm from Zurich: http:\/\/munich\.acme-mobile\.edge\.internal:\d+\/ \(virtual machine\) says: \S+/,
];
const FLAGS = ['--ports', 'free', '--public-net', '127.0.9'];

/** A clone of what is committed, with the changes of the work tree on top. */
async function cleanClone(to: string): Promise<void> {
  assert.is((await runCommand('git', ['clone', '-q', ROOT, to])).code, 0);
  const changes = await runCommand('git', ['diff', '--binary', 'HEAD'], { cwd: ROOT });
  if (changes.stdout === '') return;
  const applied = await runCommand('git', ['apply', '--whitespace=nowarn'], {
    cwd: to,
    input: changes.stdout,
  });
  assert.is(applied.code, 0, applied.stderr);
}

/**
 * What `npm start` runs, until it invites to try things, then Ctrl-C as a terminal sends it: to the whole group. Without npm,
 * which has an exit status of its own then.
 */
async function startAndInterrupt(
  clone: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['tools/bootstrap.mjs', 'start', ...FLAGS], {
    cwd: clone,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let running = true;
  ended.then(() => {
    running = false;
  });
  await eventually(
    'the invitation',
    () => {
      if (!running) throw new Error(output);
      return output.includes('Ctrl-C stops everything');
    },
    200_000,
  );
  process.kill(-(child.pid ?? 0), 'SIGINT');
  return { code: await ended, output };
}

test('a clean clone takes a request to a fetched page, leaves nothing behind, and finds it all again', async () => {
  const dir = tempDir('clone');
  const clone = join(dir.path, 'c');
  try {
    const before = await hostSnapshot(dir.path);
    await cleanClone(clone);
    assert.not(existsSync(join(clone, 'node_modules')));
    const once = await runCommand('npm', ['start', '--', '--once', ...FLAGS], {
      cwd: clone,
      timeoutMs: 400_000,
    });
    assert.is(once.code, 0, `${once.stdout}\n${once.stderr}`);
    for (const page of PAGES) assert.match(once.stdout, page);
    assert.match(once.stdout, /stopped; nothing is left running/);
    assert.equal(
      newSince(before, await hostSnapshot(dir.path)),
      NOTHING_LEFT,
      'the first run left something',
    );

    const again = await startAndInterrupt(clone);
    assert.is(again.code, 0, again.output);
    assert.match(again.output, /appinst hello-inc\/hello\/1\.0\S*: exists/);
    for (const page of PAGES) assert.match(again.output, page);
    assert.match(again.output, /boot: 2/, 'the virtual machine has kept its disk');
    assert.equal(newSince(before, await hostSnapshot(dir.path)), NOTHING_LEFT, 'Ctrl-C left something');
  } finally {
    dir.remove();
  }
});

test.run();
