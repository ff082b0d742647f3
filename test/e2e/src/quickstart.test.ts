// test: timeout=900s serial
/** `npm start -- --once`, as a new user runs it: in a clean clone, with nothing installed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hostSnapshot, newSince, ROOT, runCommand, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PAGES = [
  /hello from Hamburg: http:\/\/berlin\.acme-mobile\.edge\.internal:8080\/ \(container\) says: \S+/,
  /hello from Zurich: http:\/\/munich\.acme-mobile\.edge\.internal:8080\/ \(container\) says: \S+/,
  /hello-vm from Zurich: http:\/\/munich\.acme-mobile\.edge\.internal:\d+\/ \(virtual machine\) says: \S+/,
];

test('a clean clone takes a request to a fetched page, leaves nothing running, and does it again from its state', async () => {
  const dir = tempDir('clone');
  const clone = join(dir.path, 'c');
  try {
    const before = await hostSnapshot(dir.path);
    // What is committed and what is about to be: a clone of the work tree's HEAD with its changes on top.
    assert.is((await runCommand('git', ['clone', '-q', ROOT, clone])).code, 0);
    const changes = await runCommand('git', ['diff', '--binary', 'HEAD'], { cwd: ROOT });
    if (changes.stdout !== '') {
      const applied = await runCommand('git', ['apply', '--whitespace=nowarn'], {
        cwd: clone,
        input: changes.stdout,
      });
      assert.is(applied.code, 0, applied.stderr);
    }
    assert.not(existsSync(join(clone, 'node_modules')));
    for (const round of ['first', 'second']) {
      const once = await runCommand(
        'npm',
        ['start', '--', '--once', '--ports', 'free', '--public-net', '127.0.9'],
        {
          cwd: clone,
          timeoutMs: 400_000,
        },
      );
      assert.is(once.code, 0, `${round} run\n${once.stdout}\n${once.stderr}`);
      for (const page of PAGES) assert.match(once.stdout, page, `${round} run`);
      assert.match(once.stdout, /stopped; nothing is left running/);
      const left = newSince(before, await hostSnapshot(dir.path));
      assert.equal(
        left,
        { processes: [], mounts: [], interfaces: [], natRules: [] },
        `${round} run left something`,
      );
    }
  } finally {
    dir.remove();
  }
});

test.run();
