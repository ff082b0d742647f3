import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from './logger.js';

/** What is logged, as the members of its line. */
function logged(log: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const lines: string[] = [];
  log(createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } }));
  return JSON.parse(lines.join('')) as Record<string, unknown>;
}

test('secrets are hidden at the top and two levels down, in lists and in bindings too', () => {
  const secret = {
    token: 's',
    shown: 'x',
    list: [{ password: 's' }],
    a: { b: { cf_key: 's' }, secret: { x: 's' } },
  };
  const given = JSON.stringify(secret);
  const line = logged((logger) => logger.child({ authToken: 's', part: 'p' }).info(secret, 'text'));
  assert.equal(
    [line['token'], line['shown'], line['list'], line['a'], line['authToken'], line['part'], line['msg']],
    [
      '[hidden]',
      'x',
      [{ password: '[hidden]' }],
      { b: { cf_key: '[hidden]' }, secret: '[hidden]' },
      '[hidden]',
      'p',
      'text',
    ],
  );
  assert.is(JSON.stringify(secret), given, 'what was logged is unchanged');
});

test('errors keep their text and stack', () => {
  const line = logged((logger) => logger.error({ err: new Error('why') }, 'failed'));
  assert.is((line['err'] as { message: string }).message, 'why');
  assert.match((line['err'] as { stack: string }).stack, /logger\.test/);
  assert.is(line['level'], 'error');
});

test.run();
