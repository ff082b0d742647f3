import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type NginxSettings, nginxConfig } from './config.js';
import { checkService, conflictOf, type PublicService } from './public-service.js';
import { testService } from './testing.js';

const settings: NginxSettings = { streamModule: '/m.so', workers: 2, openFiles: 4096, root: true };

const web = testService('web', 443, { proto: 'http', pathPrefix: 'dev/app10/p80', backends: [8081, 8080] });
const dns = testService('dns', 53, { proto: 'udp', backends: [{ address: '2001:db8::1', port: 53 }] });
const ssh = testService('ssh', 10022, { backends: [22] });

const lines = (text: string | undefined) => (text ?? '').split('\n').map((line) => line.trim());

test('each sort of service listens and leads to its backends', () => {
  const text = lines(nginxConfig([web, dns, ssh], settings));
  for (const line of [
    'listen 127.0.0.1:443 default_server so_keepalive=on;',
    'listen 127.0.0.1:53 udp reuseport;',
    'listen 127.0.0.1:10022 so_keepalive=on;',
    'server [2001:db8::1]:53 max_fails=2 fail_timeout=5s;',
    'server 127.0.0.1:22 max_fails=2 fail_timeout=5s;',
    'location /dev/app10/p80/ {',
  ])
    assert.ok(text.includes(line), line);
  assert.ok(text.indexOf('server 127.0.0.1:8080 max_fails=2 fail_timeout=5s;') > 0);
});

test('with one worker a socket is enough', () => {
  assert.ok(lines(nginxConfig([dns], { ...settings, workers: 1 })).includes('listen 127.0.0.1:53 udp;'));
});

test('nothing to listen on is no configuration', () => {
  assert.is(nginxConfig([], settings), undefined);
  assert.is(nginxConfig([testService('none', 80), { ...dns, backends: [] }], settings), undefined);
});

test('a path without a backend answers for itself, and others of its port go on', () => {
  const away = { ...web, name: 'away', pathPrefix: 'other', backends: [] };
  const text = lines(nginxConfig([web, away], settings));
  assert.ok(text.includes('location /other/ { return 503; }'));
  assert.is(text.filter((line) => line.startsWith('listen ')).length, 1);
});

test('a certificate makes every HTTP port speak TLS', () => {
  const text = lines(nginxConfig([web, ssh], { ...settings, tls: { certificate: '/a b"c', key: '/k\\1' } }));
  assert.ok(text.includes('listen 127.0.0.1:443 default_server so_keepalive=on ssl;'));
  assert.ok(text.includes('listen 127.0.0.1:10022 so_keepalive=on;'));
  assert.ok(text.includes('ssl_certificate "/a b\\"c";'));
  assert.ok(text.includes('ssl_certificate_key "/k\\\\1";'));
});

const anyService = fc.record({
  name: fc.oneof(
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.constantFrom('x;\n}', '"', '$host', '}\r\nhttp {'),
  ),
  proto: fc.constantFrom('tcp', 'udp', 'http'),
  address: fc.ipV4(),
  port: fc.integer({ min: 1, max: 65535 }),
  pathPrefix: fc.constant(''),
  backends: fc.array(
    fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 1, max: 65535 }),
    }),
    { maxLength: 3 },
  ),
}) as fc.Arbitrary<PublicService>;

test('names put nothing into it, and order does not matter', () => {
  // What remains of the configuration without comments is made of our own words, addresses and numbers.
  const ours = /^[-\sa-z0-9_.:;{}[\]=/"'$]*$/i;
  fc.assert(
    fc.property(fc.uniqueArray(anyService, { selector: (s) => s.name, maxLength: 6 }), (services) => {
      const checked = services.map(checkService);
      const text = nginxConfig(checked, settings) ?? '';
      assert.is(nginxConfig([...checked].reverse(), settings) ?? '', text);
      const bare = text.replace(/^\s*#.*$/gm, '');
      assert.match(bare, ours);
      const renamed = checked.map((service, i) => ({ ...service, name: `n${i}` }));
      assert.is(
        bare.split('\n').length,
        (nginxConfig(renamed, settings) ?? '').replace(/^\s*#.*$/gm, '').split('\n').length,
      );
    }),
  );
});

test('what is no address, port or path is refused by name', () => {
  const refused = (over: Partial<PublicService>, text: string) =>
    assert.throws(
      () => checkService({ ...web, ...over }),
      (e: Error) => e.message === text,
    );
  refused({ address: 'localhost' }, 'public port "web": address must be an IP address, but got "localhost"');
  refused({ port: 0 }, 'public port "web": port must be from 1 to 65535, but got "0"');
  refused(
    { pathPrefix: 'a/../b' },
    'public port "web": path prefix must be words of A-Z a-z 0-9 - . _ ~ joined by slashes, but got "a/../b"',
  );
  refused(
    { pathPrefix: 'a;}' },
    'public port "web": path prefix must be words of A-Z a-z 0-9 - . _ ~ joined by slashes, but got "a;}"',
  );
  refused({ proto: 'tcp' }, 'public port "web": path prefix is for http only, but got "dev/app10/p80"');
  refused(
    { backends: [{ address: 'fe80::1%eth0', port: 1 }] },
    'public port "web": backend must have an IP address, but got "fe80::1%eth0"',
  );
  assert.is(checkService({ ...web, address: '2001:DB8:0::1' }).address, '2001:db8::1');
});

test('a port belongs to one service, a path to one, and all addresses to whoever has them', () => {
  const conflict = (a: Partial<PublicService>, b: Partial<PublicService>) =>
    conflictOf({ ...ssh, ...a, name: 'a' }, [{ ...ssh, ...b, name: 'b' }])?.name;
  assert.is(conflict({}, {}), 'b');
  assert.is(conflict({}, { port: 1 }), undefined);
  assert.is(conflict({}, { proto: 'udp' }), undefined);
  assert.is(conflict({}, { address: '127.0.0.2' }), undefined);
  assert.is(conflict({}, { address: '0.0.0.0' }), 'b');
  assert.is(conflict({}, { backends: [] }), 'b');
  assert.is(conflict({ proto: 'http' }, {}), 'b');
  assert.is(conflict({ proto: 'http' }, { proto: 'http' }), 'b');
  assert.is(conflict({ proto: 'http' }, { proto: 'http', pathPrefix: 'x' }), undefined);
  assert.is(conflict({ proto: 'http' }, { proto: 'http', pathPrefix: 'x', address: '0.0.0.0' }), 'b');
});

test.run();
