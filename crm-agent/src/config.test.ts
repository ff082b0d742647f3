import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCloudletKey } from './cloudlet-key.js';
import { parseConfig } from './config.js';

const KEY = '{"operator_key":{"name":"TMUS"},"name":"cloud one"}';
const environment = { variables: {}, cwd: '/srv' };
const parse = (args: string[], variables: Record<string, string> = {}) =>
  parseConfig(args, { ...environment, variables }).config;

test('a cloudlet key is JSON or YAML, with proto or squashed names', () => {
  const key = { operatorKey: { name: 'TMUS' }, name: 'cloud one' };
  for (const text of [
    KEY,
    'operatorkey: {name: TMUS}\nname: cloud one',
    '{operator_key: {name: TMUS}, name: cloud one}',
    '{"operatorkey":{"name":"TMUS"},"name":"cloud one"}',
  ])
    assert.equal(parseCloudletKey(text), key, text);
});

test('a key that is none is refused with the reason', () => {
  assert.throws(() => parseCloudletKey(' '), /cloudletKey is not set/);
  for (const [text, reason] of [
    ['{"operator_key":', /invalid cloudletKey \{"operator_key":: /],
    ['{"name":"x"}', /Invalid operator name/],
    ['{"operator_key":{"name":"x"}}', /Invalid cloudlet name/],
    ['{"operator_key":{"name":"x"},"name":"/"}', /Invalid cloudlet name/],
    ['{"operator":{"name":"x"},"name":"y"}', /operator/],
    ['just text', /must be an object/],
  ] as const)
    assert.throws(() => parseCloudletKey(text), reason, text);
});

test('the platform falls back to the variable, then to the operator', () => {
  assert.is(parse(['--cloudletKey', KEY, '--platform', 'local']).platform, 'local');
  assert.is(parse(['--cloudletKey', KEY], { PLATFORM: 'fakecloudlet' }).platform, 'fakecloudlet');
  assert.is(parse(['--cloudletKey', '{operatorkey: {name: local}, name: x}']).platform, 'local');
  assert.throws(
    () => parse(['--cloudletKey', KEY]),
    /unknown platform TMUS, must be one of fakecloudlet, local, microvm/,
  );
});

test('defaults, and a state folder of the cloudlet', () => {
  const config = parse(['-cloudletKey', KEY, '-platform=fakecloudlet', '-plugin', 'x.so', '-d', 'notify']);
  assert.is(config.apiAddr, '127.0.0.1:55099');
  assert.equal(config.notifyAddrs, ['127.0.0.1:50001']);
  assert.is(config.stateDir, '/srv/.edgeplane/agent/TMUS/cloud-one');
  assert.is(config.onStop, 'keep');
  assert.is(config.publicAddr, '127.0.0.1');
  assert.equal(config.http, { port: 0 });
  const tls = parse(['--cloudletKey', KEY, '--platform', 'local', '--http-cert', 'c', '--http-key', '/k']);
  assert.equal(tls.http.tls, { certificate: '/srv/c', key: '/k' });
});

test('settings that make no sense are named', () => {
  const args = ['--cloudletKey', KEY, '--platform', 'fakecloudlet'];
  assert.throws(() => parse([...args, '--notifyAddrs', ' , ']), /--notify-addrs/);
  assert.throws(() => parse([...args, '--on-stop', 'maybe']), /--on-stop/);
  assert.throws(() => parse([...args, '--http-port', '70000']), /--http-port: must be from 1 to 65535, or 0/);
  assert.throws(() => parse([...args, '--http-cert', 'a.pem']), /must be given together, but got "a.pem"/);
  assert.throws(() => parse([...args, '--http-cert', 'a$b', '--http-key', 'k']), /must have no \$/);
  assert.throws(() => parse([...args, '--fake-fail', 'create']), /--fake-fail/);
});

test('a provider is named with what it is known by, and only where it is used', () => {
  const remote = (...args: string[]) =>
    parse(['--cloudletKey', KEY, '--platform', 'remote-provider', ...args]).remoteProvider;
  const addr = ['--remote-provider-addr', 'virt.example:9443'];
  assert.is(parse(['--cloudletKey', KEY, '--platform', 'local', ...addr]).remoteProvider, undefined);
  assert.throws(() => remote(), /--remote-provider-addr: must name the provider, but got ""/);
  assert.throws(() => remote(...addr), /--remote-provider-ca: must be given, or --remote-provider-insecure/);
  const ca = [...addr, '--remote-provider-ca', 'ca.crt'];
  assert.throws(
    () => remote(...ca, '--remote-provider-cert', 'a.crt'),
    /--remote-provider-key: must be given/,
  );
  assert.throws(
    () => remote(...ca, '--remote-capacity', 'ram=5'),
    /--remote-capacity: must be vcores=<number>/,
  );
  const found = remote(...ca, '--remote-capacity', 'vcores=8,ram=4096,disk=100');
  assert.is(found?.endpoint.ca, '/srv/ca.crt');
  assert.equal(found?.capacity, { vcores: 8, ram: 4096, disk: 100 });
});

test('hosts of microVMs are named by a file', () => {
  const platform = ['--cloudletKey', KEY, '--platform', 'remote-microvm'];
  assert.throws(() => parse(platform), /--remote-microvm-hosts: must name a file/);
  const { remoteMicrovm } = parse([...platform, '--remote-microvm-hosts', 'hosts.yaml']);
  assert.equal(remoteMicrovm, { hostsFile: '/srv/hosts.yaml', capacity: undefined });
});

test.run();
