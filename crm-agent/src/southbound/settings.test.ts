import { parseFlags } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DOOR_FLAGS } from './flags.js';
import { doorSettings } from './settings.js';

const parse = (argv: string, variables: Record<string, string> = {}) =>
  doorSettings(parseFlags(DOOR_FLAGS, argv.split(' ').filter(Boolean)).values, { variables, cwd: '/srv' });

test('no door is open unless it is given an address', () => {
  assert.equal(parse(''), []);
});

test('addresses are of loopback unless they name a host', () => {
  const [virtrigaud, flintlock, operations, aurae] = parse(
    '--virtrigaud-addr :9443 --virtrigaud-health-addr :8080 --flintlock-addr 0.0.0.0:9090 --flintlock-2021-addr :9091' +
      ' --flintlock-http-addr [::1]:8090 --operations-addr localhost:1312 --aurae-addr unix:/run/aurae.sock',
  );
  assert.equal(virtrigaud?.listeners, [{ address: '127.0.0.1:9443' }]);
  assert.is(virtrigaud?.healthAddr, '127.0.0.1:8080');
  assert.equal(flintlock?.listeners, [
    { address: '0.0.0.0:9090', dialect: 'current' },
    { address: '127.0.0.1:9091', dialect: '2021' },
  ]);
  assert.is(flintlock?.httpAddr, '[::1]:8090');
  assert.equal(operations?.listeners, [{ address: 'localhost:1312' }]);
  assert.equal(aurae?.listeners, [{ address: 'unix:/run/aurae.sock' }]);
  assert.is(parse('--flintlock-2021-addr :1').length, 1);
});

test('access is read per door, with paths below the working directory', () => {
  const [door] = parse(
    '--aurae-addr :1 --aurae-cert c --aurae-key /k --aurae-client-ca ca --aurae-allowed-names a,,b --aurae-token-file t',
  );
  assert.equal(door?.access, {
    ...{ cert: '/srv/c', key: '/k', clientCa: '/srv/ca', tokenFile: '/srv/t', tlsDir: '' },
    ...{ allowedNames: ['a', 'b'], insecure: false },
  });
});

test("a provider's variables stand for flags of its own door only", () => {
  const variables = { VIRTRIGAUD_PROVIDER_INSECURE: 'true', VIRTRIGAUD_PROVIDER_ALLOWED_SANS: 'a, b' };
  const [virtrigaud, aurae] = parse('--virtrigaud-addr :1 --virtrigaud-tls-dir t --aurae-addr :2', variables);
  assert.ok(virtrigaud?.access.insecure);
  assert.equal(virtrigaud?.access.allowedNames, ['a', 'b']);
  assert.is(virtrigaud?.access.tlsDir, '/srv/t');
  assert.not(aurae?.access.insecure);
  const given = '--virtrigaud-addr :1 --virtrigaud-tls-dir t --virtrigaud-allowed-names c';
  assert.equal(parse(given, variables)[0]?.access.allowedNames, ['c']);
});

test('settings that make no sense are named', () => {
  for (const [argv, pattern] of [
    ['--aurae-addr nowhere', /bad address "nowhere"/],
    ['--aurae-addr unix:relative', /bad address "unix:relative"/],
    [
      '--aurae-addr :1 --aurae-cert c',
      /--aurae-cert and --aurae-key: must be given together, but got "\/srv\/c"/,
    ],
    ['--aurae-addr :1 --aurae-client-ca c', /--aurae-client-ca: needs --aurae-cert/],
    [
      '--aurae-addr :1 --aurae-allowed-names c',
      /--aurae-allowed-names: needs --aurae-client-ca, but got "c"/,
    ],
    [
      '--virtrigaud-addr :1 --virtrigaud-tls-dir t --virtrigaud-client-ca c',
      /--virtrigaud-tls-dir: must be given/,
    ],
    ['--flintlock-http-addr :1', /--flintlock-http-addr: needs --flintlock-addr/],
    ['--virtrigaud-health-addr :1', /--virtrigaud-health-addr: needs --virtrigaud-addr/],
  ] as const)
    assert.throws(() => parse(argv), pattern, argv);
});

test.run();
