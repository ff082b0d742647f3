import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PROGRAM = `
import { createLogger, runProgram } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
let timer;
const service = {
  start: async () => { timer = setInterval(() => undefined, 1000); },
  stop: async () => clearInterval(timer),
};
await runProgram({
  name: 'p', about: 'a program', version: '1', flags: {},
  create: () => ({ service, logger: createLogger({ name: 'p' }) }),
}, []);
`;

test('a program stops when it is told to, also when nobody reads its log any more', async () => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', '--input-type=module', '-e', PROGRAM],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  try {
    let log = '';
    for await (const chunk of child.stderr) {
      log += String(chunk);
      if (log.includes('"msg":"Ready"')) break;
    }
    // Leaving the loop has closed the reading end.
    child.kill('SIGTERM');
    const [code, signal] = await once(child, 'exit');
    assert.equal([code, signal], [0, null], log);
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
