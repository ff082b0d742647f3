import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { forwardChanges, parseUsernet } from './forwards.js';
import { forwardRule } from './network-args.js';
import { type HostForward, hostSide } from './network-spec.js';
import { vmRecordOf } from './vm-record.js';

const test = suite('forwards');

const HEAD = '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n';
const USERNET = `Hub -1 (net0):\r\n${HEAD}  TCP[HOST_FORWARD]  11       127.0.0.1 28080       10.0.2.15    80     0     0\r
  TCP[ESTABLISHED]   14       10.0.2.15 80          10.0.2.2  4242     0     0\r
  UDP[HOST_FORWARD]   9               * 28081       10.0.2.15    81     0     0\r\nHub -1 (net1):\r\n${HEAD}`;

test('the list of QEMU is read by NIC, without its connections', () => {
  const found = parseUsernet(USERNET);
  assert.equal(found.get('net0')?.map(forwardRule), ['tcp:127.0.0.1:28080-:80', 'udp:0.0.0.0:28081-:81']);
  assert.equal(found.get('net1'), []);
});

const forward = fc.record<HostForward>({
  proto: fc.constantFrom('tcp', 'udp'),
  hostAddr: fc.constantFrom('127.0.0.1', '0.0.0.0'),
  hostPort: fc.integer({ min: 1, max: 6 }),
  guestPort: fc.integer({ min: 1, max: 3 }),
});
const forwards = fc.uniqueArray(forward, { selector: hostSide, maxLength: 12 });

test('property: the changes lead from what there is to what is wanted, and never take a port twice', () => {
  fc.assert(
    fc.property(forwards, forwards, (have, want) => {
      const now = new Map(have.map((f) => [hostSide(f), forwardRule(f)]));
      for (const { command, rule } of forwardChanges(new Map([['net0', have]]), [
        { type: 'user', forwards: want },
      ])) {
        const side = rule.replace(/-:\d+$/, '');
        if (command === 'hostfwd_add') assert.not.ok(now.has(side));
        if (command === 'hostfwd_remove') assert.ok(now.delete(side));
        else now.set(side, rule);
      }
      assert.equal([...now.values()].sort(), want.map(forwardRule).sort());
    }),
  );
});

test('a record of the version with one NIC is read as one with a list', () => {
  const base = { path: '/i', format: 'raw', virtualBytes: 1 };
  const spec = { id: 'a', cpus: 1, memoryMib: 16, image: '/i', mac: '52:54:00:00:00:01', forwards: [] };
  const old = { version: 1, spec, base, extraBases: {} };
  assert.equal(vmRecordOf(old, 'a')?.spec.nics, [{ type: 'user', mac: '52:54:00:00:00:01', forwards: [] }]);
  assert.is(vmRecordOf(old, 'b'), undefined);
  for (const wrong of [null, 7, {}, { ...old, version: 3 }]) assert.is(vmRecordOf(wrong, 'a'), undefined);
});

test.run();
