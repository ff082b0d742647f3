import { isKind } from '@edgeplane/base';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSocketPath, macOf, qemuArgs, type VmPaths } from './args.js';
import { qemuErrors } from './errors.js';
import { lastError, portConflict, shutdownCause } from './exit-reason.js';
import { checkSpec, type HostForward, type VmSpec } from './spec.js';
import { VmDir } from './vm-dir.js';

const test = suite('QEMU arguments');

const spec: VmSpec = {
  id: 'vm-1',
  cpus: 2,
  memoryMib: 256,
  image: '/images/guest.qcow2',
  forwards: [
    { proto: 'tcp', hostAddr: '127.0.0.1', hostPort: 18080, guestPort: 8080 },
    { proto: 'udp', hostAddr: '0.0.0.0', hostPort: 15000, guestPort: 5000 },
  ],
  cloudInit: { instanceId: 'i-1', hostname: 'vm-1' },
  extraDisks: [{ name: 'db', sizeMib: 10, readOnly: true }],
};
const paths = (of: VmSpec) => new VmDir(`/state/vms/${of.id}`).paths(of);

const GOLDEN = `-name guest=vm-1
-nodefaults
-no-user-config
-display none
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine q35,usb=off,vmport=off
-accel tcg,thread=multi,tb-size=256
-cpu max
-smp 2
-m 256M
-pidfile /state/vms/vm-1/qemu.pid
-qmp unix:qmp.sock,server=on,wait=off
-qmp unix:monitor.sock,server=on,wait=off
-chardev socket,id=console,path=console.sock,server=on,wait=off,logfile=/state/vms/vm-1/console.log,logappend=on
-serial chardev:console
-trace enable=qemu_system_shutdown_request
-device virtio-rng-pci
-blockdev {"driver":"qcow2","node-name":"disk-boot","read-only":false,"file":{"driver":"file","filename":"/state/vms/vm-1/boot.qcow2","read-only":false}}
-device virtio-blk-pci,drive=disk-boot,serial=boot,bootindex=0
-blockdev {"driver":"qcow2","node-name":"disk-data-db","read-only":true,"file":{"driver":"file","filename":"/state/vms/vm-1/data-db.qcow2","read-only":true}}
-device virtio-blk-pci,drive=disk-data-db,serial=data-db
-blockdev {"driver":"raw","node-name":"seed","read-only":true,"file":{"driver":"file","filename":"/state/vms/vm-1/seed.img","read-only":true}}
-device virtio-blk-pci,drive=seed,serial=cidata
-netdev user,id=net0,hostfwd=tcp:127.0.0.1:18080-:8080,hostfwd=udp:0.0.0.0:15000-:5000
-device virtio-net-pci,netdev=net0,mac=${macOf('vm-1')}`;

test('golden: a machine with two forwards, a data disk and a seed', () => {
  const text = qemuArgs(spec, paths(spec), 'tcg').join(' ').replaceAll(' -', '\n-');
  assert.fixture(text, GOLDEN);
});

test('KVM takes the host processor; a kernel is passed on', () => {
  const args = qemuArgs(
    { ...spec, kernel: { path: '/k', initrd: '/i', cmdline: 'a=b, c' } },
    paths(spec),
    'kvm',
  );
  assert.is(args[args.indexOf('-cpu') + 1], 'host');
  assert.is(args[args.indexOf('-append') + 1], 'a=b, c');
});

const forward = fc.record<HostForward>({
  proto: fc.constantFrom('tcp', 'udp'),
  hostAddr: fc.ipV4(),
  hostPort: fc.integer({ min: 1, max: 65535 }),
  guestPort: fc.integer({ min: 1, max: 65535 }),
});

test('property: every forward appears once, paths keep their text, same input gives same output', () => {
  fc.assert(
    fc.property(
      fc.array(forward, { maxLength: 20 }),
      fc.string({ minLength: 1, maxLength: 60 }).filter((text) => !text.includes('\0')),
      (forwards, odd) => {
        const own = { ...spec, forwards };
        const disk = {
          nodeName: 'd',
          path: `/x/${odd}`,
          format: 'qcow2',
          readOnly: false,
          serial: 's',
        } as const;
        const with_: VmPaths = { ...paths(own), consoleLog: `/x/${odd}`, disks: [disk] };
        const args = qemuArgs(own, with_, 'tcg');
        assert.equal(args, qemuArgs(own, with_, 'tcg'));
        const netdev = args[args.indexOf('-netdev') + 1] ?? '';
        assert.is(netdev.split(',hostfwd=').length - 1, forwards.length);
        const node = JSON.parse(args[args.indexOf('-blockdev') + 1] ?? '') as { file: { filename: string } };
        assert.is(node.file.filename, `/x/${odd}`);
        // A value ends at a comma that is not doubled, so an odd path never adds an option.
        const chardev = args[args.indexOf('-chardev') + 1] ?? '';
        assert.is(chardev.replaceAll(',,', '').split(',').length, 7);
      },
    ),
  );
});

test('property: a machine address is stable, local and unicast', () => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      assert.is(macOf(id), macOf(id));
      assert.match(macOf(id), /^52:54:00(:[0-9a-f]{2}){3}$/);
    }),
  );
});

test('a socket path has at most 107 bytes', () => {
  const fits = `/${'a'.repeat(106)}`;
  assert.is(checkSocketPath(fits), fits);
  assert.throws(
    () => checkSocketPath(`${fits}b`),
    (e: unknown) => isKind(e, qemuErrors.socketPathTooLong) && e.message.includes('108 bytes'),
  );
  assert.is(new VmDir('/state/vms/a').socket('qmp.sock', 7), '/state/vms/a/qmp.sock');
  assert.is(new VmDir(`/${'a'.repeat(120)}/b`).socket('qmp.sock', 7), '/proc/7/cwd/qmp.sock');
});

test('a wrong spec is refused by the name of its field', () => {
  const [first] = spec.forwards;
  if (!first) throw new Error('the sample has forwards');
  const wrong: readonly (readonly [Partial<VmSpec>, string])[] = [
    [{ id: '../up' }, 'id'],
    [{ id: '.hidden' }, 'id'],
    [{ cpus: 0 }, 'cpus'],
    [{ memoryMib: 1.5 }, 'memoryMib'],
    [{ diskMib: 0 }, 'diskMib'],
    [{ mac: '01:00:00:00:00:00' }, 'mac'],
    [{ forwards: [{ ...first, hostPort: 0 }] }, 'forwards[0].hostPort'],
    [{ forwards: [first, first] }, 'forwards[1].hostPort'],
    [{ forwards: [{ ...first, hostAddr: '127.0.0.1,x' }] }, 'forwards[0].hostAddr'],
    [{ extraDisks: [{ name: 'a,b', sizeMib: 1 }] }, 'extraDisks[0].name'],
    [{ extraDisks: [{ name: 'a' }] }, 'extraDisks[0].sizeMib'],
    [{ kernel: { path: 'relative' } }, 'kernel.path'],
    [{ cloudInit: { instanceId: 'a b', hostname: 'h' } }, 'cloudInit.instanceId'],
    [{ cloudInit: { instanceId: 'a', hostname: '-h' } }, 'cloudInit.hostname'],
  ];
  checkSpec(spec);
  for (const [change, field] of wrong) {
    assert.throws(
      () => checkSpec({ ...spec, ...change }),
      (e: unknown) => isKind(e, qemuErrors.vmSpecInvalid) && e.message.includes(`: ${field} must be`),
      field,
    );
  }
});

test('the log tells the cause of an end, a port in use, and the last words', () => {
  assert.is(
    shutdownCause('x\nqemu_system_shutdown_request reason=7\nqemu_system_shutdown_request reason=6\n'),
    'guest-shutdown',
  );
  assert.is(shutdownCause('nothing'), undefined);
  const line = `qemu-system-x86_64: -netdev user,id=n: Could not set up host forwarding rule 'udp:127.0.0.1:5353-:53'`;
  assert.equal(portConflict(line), { proto: 'udp', port: 5353 });
  assert.is(lastError(`a\nqemu-system-x86_64: boom\n\n`), 'boom');
});

test.run();
