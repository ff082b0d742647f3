// test: timeout=180s
/** `npm start -- --fake --once`: everything but the instances is real. */
import { join } from 'node:path';
import { ROOT, runCommand, tempDir } from '@edgeplane/test-harness';
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

test('a wrong flag is named', async () => {
  const ran = await runCommand(process.execPath, [join(ROOT, 'deploy/quickstart/dist/main.js'), '--twice']);
  assert.is(ran.code, 2);
  assert.match(ran.stderr, /unknown flag --twice/);
});

test.run();
