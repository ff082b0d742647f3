// test: timeout=180s
/** `npm start -- --fake --once`: everything but the instances is real. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually, hostSnapshot, ROOT, runCommand, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('a simulated quickstart needs no container engine and says what is simulated', async () => {
  const dir = tempDir('qfake');
  try {
    const flags = ['--fake', '--once', '--ports', 'free', '--state-dir', dir.path];
    const ran = await runCommand(process.execPath, [join(ROOT, 'deploy/quickstart/dist/main.js'), ...flags], {
      cwd: dir.path,
    });
    assert.is(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stdout, /site berlin: simulated/);
    assert.match(ran.stdout, /hello from Hamburg: berlin\.acme-mobile\.edge\.internal \(simulated/);
    assert.match(ran.stdout, /hello from Zurich: munich\.acme-mobile\.edge\.internal \(simulated/);
    assert.match(ran.stdout, /stopped; nothing is left running/);
  } finally {
    dir.remove();
  }
});

test('when it is killed, what it started stops too, and the next start finds its state', async () => {
  const dir = tempDir('qkill');
  const main = join(ROOT, 'deploy/quickstart/dist/main.js');
  const flags = ['--fake', '--ports', 'free', '--state-dir', dir.path];
  try {
    const child = spawn(process.execPath, [main, ...flags], { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await eventually('the invitation', () => output.includes('Ctrl-C stops everything'), 60_000);
    child.kill('SIGKILL');
    await eventually('nothing runs', async () => (await hostSnapshot(dir.path)).processes.length === 0);
    const again = await runCommand(process.execPath, [main, ...flags, '--once']);
    assert.is(again.code, 0, `${again.stdout}\n${again.stderr}`);
    assert.match(again.stdout, /appinst hello-inc\/hello\/1\.0\S*: exists/);
  } finally {
    dir.remove();
  }
});

test('a wrong flag is named', async () => {
  const ran = await runCommand(process.execPath, [join(ROOT, 'deploy/quickstart/dist/main.js'), '--twice']);
  assert.is(ran.code, 2);
  assert.match(ran.stderr, /unknown flag --twice/);
});

test.run();
