import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { launch } from './index.js';

const node = (script: string) => launch({ name: 'child', command: process.execPath, args: ['-e', script] });

test('ready with the Ready line, stopped by SIGTERM', async () => {
  const child = node(`
    process.stderr.write('{"msg":"starting"}\\n');
    process.on('SIGTERM', () => process.exit(3));
    process.stderr.write('{"msg":"Ready","addresses":{"api":"127.0.0.1:1"}}\\n');
    setInterval(() => {}, 1000);
  `);
  assert.equal((await child.ready)['addresses'], { api: '127.0.0.1:1' });
  assert.equal(await child.stop(), { code: 3, signal: null });
  child.kill('SIGTERM');
});

test('a program that ends before it is ready says why', async () => {
  const child = node(`process.stderr.write('{"msg":"x"}\\nno such store\\n'); process.exit(1);`);
  try {
    await child.ready;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'child ended with status 1: no such store');
  }
});

test('one that ignores SIGTERM is killed', async () => {
  const child = node(`
    process.on('SIGTERM', () => {});
    process.stderr.write('{"msg":"Ready"}\\n');
    setInterval(() => {}, 1000);
  `);
  await child.ready;
  assert.equal(await child.stop(50), { code: null, signal: 'SIGKILL' });
});

test('a command that does not exist', async () => {
  const child = launch({ name: 'ghost', command: '/no/such/program', args: [] });
  try {
    await child.ready;
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /ghost could not be started/);
  }
});

test.run();
