import { createLogger } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AuditLog, isAudited, loggable } from './audit.js';

test('the end of a failed call carries the error text, in a member of its own', () => {
  const texts: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (text) => texts.push(text) } });
  const audit = new AuditLog();
  audit.start(logger, '/edgeproto.FlavorApi/CreateFlavor', 'peer', 'user', {})(new Error('no such thing'));
  const end = texts[1] ?? '';
  assert.is(end.match(/"msg":/g)?.length, 1);
  const line = JSON.parse(end) as Record<string, unknown>;
  assert.equal(
    [line['msg'], line['id'], line['cmd'], line['result'], line['error']],
    ['Audit end', 1, 'CreateFlavor', 'failure', 'no such thing'],
  );
});

test('what is shown of a request: nothing unset, nothing secret, nothing endless', () => {
  assert.equal(
    loggable({
      name: 'n',
      none: '',
      zero: 0n,
      list: [],
      ram: 5n,
      image: new Uint8Array(3),
      text: 'x'.repeat(300),
      many: Array.from({ length: 25 }, (_, i) => i + 1),
      inner: { password: 'p', auth_token: 't', passhash: 'h', user: 'u' },
    }),
    {
      name: 'n',
      ram: '5',
      image: '(3 bytes)',
      text: `${'x'.repeat(256)}... (300 characters)`,
      many: [...Array.from({ length: 20 }, (_, i) => i + 1), '... (25 items)'],
      inner: { password: '[hidden]', auth_token: '[hidden]', passhash: '[hidden]', user: 'u' },
    },
  );
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  assert.ok(JSON.stringify(loggable(loop)).length < 200);
});

test('Show methods are not audited', () => {
  assert.ok(isAudited('/edgeproto.AppApi/CreateApp'));
  assert.not.ok(isAudited('/edgeproto.AppApi/ShowApp'));
});

test.run();
