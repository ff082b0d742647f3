import { LProto } from '@edgeplane/proto/dme/appcommon.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { balancedPorts, wantedPorts } from './reach.js';

const port = (proto: LProto, internalPort: number, publicPort: number) => ({
  ...{ proto, internalPort, publicPort, pathPrefix: 'dev/app/p80', fqdnPrefix: '' },
});
const WANTED = wantedPorts([
  port(LProto.L_PROTO_TCP, 80, 8080),
  port(LProto.L_PROTO_UDP, 53, 5353),
  port(LProto.L_PROTO_HTTP, 80, 443),
  port(LProto.L_PROTO_TCP, 22, 0),
]);
const backends = (addresses: string[], forwards: Record<string, string> = {}) =>
  balancedPorts(WANTED, '127.0.0.1', { addresses, forwards: new Map(Object.entries(forwards)) })?.map(
    (p) => `${p.proto} ${p.port} ${p.pathPrefix} ${p.backends[0]?.address} ${p.backends[0]?.port}`,
  );

test('ports lead to the first address, IPv4 before IPv6', () => {
  assert.equal(backends(['fd00::1', '10.0.0.5', '10.0.0.6']), [
    'tcp 8080  10.0.0.5 80',
    'udp 5353  10.0.0.5 53',
    'http 443 dev/app/p80 10.0.0.5 80',
  ]);
  assert.equal(backends(['fd00::1'])?.[0], 'tcp 8080  fd00::1 80');
});

test('ports that lead to the machine go before addresses, and are enough without', () => {
  const forwards = { 'tcp/80': '127.0.0.1:30001', 'udp/53': '[::1]:30002' };
  assert.equal(backends([], forwards), [
    'tcp 8080  127.0.0.1 30001',
    'udp 5353  ::1 30002',
    'http 443 dev/app/p80 127.0.0.1 30001',
  ]);
});

test('nothing is served while a port leads nowhere', () => {
  assert.is(backends([]), undefined);
  assert.is(backends([], { 'tcp/80': '127.0.0.1:30001' }), undefined);
  assert.is(backends(['not an address'], { 'tcp/80': 'localhost:1', 'udp/53': '127.0.0.1:x' }), undefined);
});

test.run();
