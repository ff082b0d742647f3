import { messageOf } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outcomeIn, refusalIn } from './master-log.js';
import { findNginx, hardFileLimit } from './programs.js';

test('what is missing is named by its package', async () => {
  const missing = (nginx: string, streamModule: string) =>
    findNginx({ nginx, streamModule }).then(() => 'found', messageOf);
  const text = 'the load balancer needs Debian packages that are missing: ';
  assert.is(await missing('/no/nginx', '/no/module'), `${text}nginx, libnginx-mod-stream`);
  assert.is(await missing('/bin/sh', '/no/module'), `${text}libnginx-mod-stream`);
  assert.is(await missing('/bin/sh', '/bin/sh'), 'found');
});

test('workers open as many files as they may, within reason', () => {
  const limits = (hard: string) =>
    `Limit Soft Hard Units\nMax open files            1024    ${hard}   files\n`;
  assert.is(hardFileLimit(limits('20000')), 20_000);
  assert.is(hardFileLimit(limits('unlimited')), 65_536);
  assert.is(hardFileLimit(limits('1048576')), 65_536);
  assert.is(hardFileLimit(''), 1024);
});

const line = (level: string, text: string) => `2026/11/21 15:25:22 [${level}] 9103#9103: ${text}\n`;

test('the log of the master tells when it is done, or why it is not', () => {
  const begun = line('notice', 'signal 1 (SIGHUP) received from 1, reconfiguring');
  const worker = line('notice', 'start worker process 9104');
  const bind = line('emerg', 'bind() to 127.0.0.1:80 failed (98: Address already in use)');
  assert.is(outcomeIn(begun), undefined);
  assert.equal(outcomeIn(begun + worker), { state: 'done' });
  assert.is(outcomeIn(begun + worker.slice(0, -1)), undefined, 'a line that is not whole says nothing');
  assert.is(outcomeIn(begun + bind), undefined, 'it is tried again');
  assert.equal(outcomeIn(begun + bind + worker), { state: 'done' });
  assert.equal(outcomeIn(begun + bind + line('emerg', 'still could not bind()')), {
    state: 'refused',
    reason: 'bind() to 127.0.0.1:80 failed (98: Address already in use)',
  });
});

test('what nginx printed when it ended is told without its decoration', () => {
  assert.is(
    refusalIn('nginx: [emerg] unknown directive "x" in /a:1\nnginx: test failed\n'),
    'unknown directive "x" in /a:1',
  );
  assert.is(refusalIn(line('emerg', 'no such file')), 'no such file');
  assert.is(refusalIn('killed\n'), 'killed');
  assert.is(refusalIn(''), 'it does not say why');
});

test.run();
