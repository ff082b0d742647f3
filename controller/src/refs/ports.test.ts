import { type AppPort, LProto } from '@edgeplane/proto/dme/appcommon.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAccessPorts } from '../deploy/access-ports.js';
import { HTTP_PORT, POOL, type PortUse, releasePorts, reservePort } from './ports.js';

/** Public ports of one instance, as grantPorts reserves them. */
function grant(use: PortUse, text: string): { use: PortUse; ports: AppPort[] } {
  let next = use;
  const ports = parseAccessPorts(text).map(({ proto, port }): AppPort => {
    const base = { proto, internalPort: port, pathPrefix: '', fqdnPrefix: '' };
    if (proto === LProto.L_PROTO_HTTP) return { ...base, publicPort: HTTP_PORT };
    const reserved = reservePort(next, proto, port);
    next = reserved.use;
    return { ...base, publicPort: reserved.publicPort };
  });
  return { use: next, ports };
}

test('vectors of the reference: ports of several instances', () => {
  const first = grant({}, 'http:443,tcp:10002,udp:10002');
  assert.equal(grant(first.use, 'tcp:80,http:443').use, { 80: 1, 10002: 3 });
  assert.equal(grant(grant({}, 'tcp:443,udp:11111').use, 'udp:2024').use, { 10000: 1, 11111: 2, 2024: 2 });
});

test('vectors of the reference: two instances of one App, then the first goes', () => {
  const text = 'tcp:80,http:443,udp:80,udp:10002,tcp:443,tcp:22';
  const first = grant({}, text);
  assert.equal(
    first.ports.map((p) => p.publicPort),
    [80, 443, 80, 10002, 10000, 10001],
  );
  const second = grant(first.use, text);
  assert.equal(
    second.ports.map((p) => p.publicPort),
    [10002, 443, 10000, 10001, 10003, 10004],
  );
  assert.equal(second.use, { 80: 3, 10000: 3, 10001: 3, 10002: 3, 10003: 1, 10004: 1 });
  assert.equal(releasePorts(second.use, first.ports), { 10000: 2, 10001: 2, 10002: 1, 10003: 1, 10004: 1 });
});

test('a full pool is refused, and unknown protocols are', () => {
  const use: Record<number, number> = {};
  for (let port: number = POOL.first; port <= POOL.last; port++) use[port] = 1;
  assert.throws(() => reservePort(use, LProto.L_PROTO_TCP, 22), /no free external ports/);
  assert.is(reservePort(use, LProto.L_PROTO_UDP, 22).publicPort, 10000);
  assert.throws(() => reservePort({}, LProto.L_PROTO_UNKNOWN, 5), /Unknown protocol in use for this app/);
});

const port = fc.record({
  proto: fc.constantFrom('tcp', 'udp', 'http'),
  port: fc.oneof(fc.constantFrom(22, 80, 443, 10000, 10001), fc.integer({ min: 1, max: 65535 })),
});
const apps = fc.array(
  fc.record({ ports: fc.array(port, { maxLength: 5 }), leaves: fc.boolean(), after: fc.nat() }),
  { maxLength: 12 },
);

test('whatever comes and goes: no port has two owners, and what is in use is the sum of what is there', () => {
  fc.assert(
    fc.property(apps, (plan) => {
      let use: PortUse = {};
      let present: AppPort[][] = [];
      for (const { ports, leaves, after } of plan) {
        const given = grant(use, ports.map((p) => `${p.proto}:${p.port}`).join(','));
        use = given.use;
        present.push(given.ports);
        if (leaves) {
          const going = present[after % present.length] ?? [];
          use = releasePorts(use, going);
          present = present.filter((p) => p !== going);
        }
        const owners = new Map<string, number>();
        const sum: Record<number, number> = {};
        for (const p of present.flat().filter((x) => x.proto !== LProto.L_PROTO_HTTP)) {
          const owned = `${p.proto}:${p.publicPort}`;
          owners.set(owned, (owners.get(owned) ?? 0) + 1);
          sum[p.publicPort] = (sum[p.publicPort] ?? 0) | (p.proto === LProto.L_PROTO_UDP ? 2 : 1);
          assert.ok(p.publicPort !== 22 && p.publicPort !== 443);
        }
        assert.ok([...owners.values()].every((n) => n === 1));
        assert.equal(use, sum);
      }
    }),
  );
});

test.run();
