import { isKind } from '@edgeplane/base';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuArgs, type VmPaths } from './args.js';
import { qemuErrors } from './errors.js';
import { lastError, portConflict, shutdownCause } from './exit-reason.js';
import { macOf, tapName } from './network-args.js';
import type { HostForward, Nic } from './network-spec.js';
import { checkSocketPath } from './socket-path.js';
import { checkSpec, type VmSpec } from './spec.js';
import { VmDir } from './vm-dir.js';
import type { VmRecord } from './vm-record.js';

const test = suite('QEMU arguments');

const spec: VmSpec = {
  id: 'vm-1',
  cpus: 2,
  memoryMib: 256,
  image: '/images/guest.qcow2',
  nics: [
    {
      type: 'user',
      forwards: [
        { proto: 'tcp', hostAddr: '127.0.0.1', hostPort: 18080, guestPort: 8080 },
        { proto: 'udp', hostAddr: '0.0.0.0', hostPort: 15000, guestPort: 5000 },
      ],
    },
  ],
  cloudInit: { instanceId: 'i-1', hostname: 'vm-1' },
  extraDisks: [{ name: 'db', sizeMib: 10, readOnly: true }],
};
const base = { path: '/images/guest.qcow2', format: 'qcow2', virtualBytes: 1 } as const;
const recordOf = (of: VmSpec): VmRecord => ({ version: 2, spec: of, base, extraBases: {} });
const paths = (of: VmSpec) => new VmDir(`/state/vms/${of.id}`).paths(recordOf(of));

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
-qmp unix:events.sock,server=on,wait=off
-chardev socket,id=console,path=console.sock,server=on,wait=off,logfile=/state/vms/vm-1/console.log,logappend=on
-serial chardev:console
-trace enable=qemu_system_shutdown_request
-device virtio-rng-pci
-chardev socket,id=agent,path=agent.sock,server=on,wait=off
-device virtio-serial-pci
-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0
-blockdev {"driver":"qcow2","node-name":"disk-boot","read-only":false,"file":{"driver":"file","filename":"/state/vms/vm-1/boot.qcow2"},"backing":{"driver":"qcow2","node-name":"base-0-0","read-only":true,"file":{"driver":"file","filename":"/images/guest.qcow2"},"backing":null}}
-device virtio-blk-pci,drive=disk-boot,serial=boot,werror=enospc,rerror=report,bootindex=0
-blockdev {"driver":"qcow2","node-name":"disk-data-db","read-only":true,"file":{"driver":"file","filename":"/state/vms/vm-1/data-db.qcow2"},"backing":null}
-device virtio-blk-pci,drive=disk-data-db,serial=data-db
-blockdev {"driver":"raw","node-name":"seed","read-only":true,"file":{"driver":"file","filename":"/state/vms/vm-1/seed.img"}}
-device virtio-blk-pci,drive=seed,serial=cidata
-netdev user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:18080-:8080,hostfwd=udp:0.0.0.0:15000-:5000
-device virtio-net-pci,netdev=net0,id=nic0,mac=${macOf('vm-1', 0, 'user')}`;

test('where guests cannot be kept from the loopback of the host they get no way out, but ports lead in', () => {
  const line = qemuArgs(spec, paths(spec), { accelerator: 'tcg' }).join(' ');
  assert.match(line, '-netdev user,id=net0,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:18080-:8080,');
});

test('golden: a machine with two forwards, a data disk and a seed', () => {
  const text = qemuArgs(spec, paths(spec), { accelerator: 'tcg', guestGid: 7 })
    .join(' ')
    .replaceAll(' -', '\n-');
  assert.fixture(text, GOLDEN);
});

test('room for more processors and memory is made when it is asked for', () => {
  const roomy: VmSpec = { ...spec, maxCpus: 4, maxMemoryMib: 512, memoryMib: 320 };
  const boot = { cpus: 1, memoryMib: 256, plugged: [{ driver: 'x', id: 'cpu-1', 'core-id': 1 }] };
  const line = qemuArgs(roomy, paths(roomy), { accelerator: 'tcg', boot }).join(' ');
  assert.match(line, '-smp 1,maxcpus=4 -device {"driver":"x","id":"cpu-1","core-id":1} -m 256M,maxmem=512M ');
  assert.match(line, 'memory-backend-ram,id=hotmem-backend,size=256M');
  assert.match(line, 'virtio-mem-pci,id=hotmem,memdev=hotmem-backend,block-size=2M,requested-size=64M');
});

test("a display is a socket in the machine's own directory", () => {
  const line = qemuArgs({ ...spec, display: 'vnc' }, paths(spec), { accelerator: 'tcg' }).join(' ');
  assert.match(line, '-vnc unix:vnc.sock -device VGA');
});

test('a microVM has no PCI device, and is told the clock rate where it cannot measure it', () => {
  const nics: Nic[] = [
    { type: 'bridge', bridge: 'br0' },
    { type: 'tap', tap: 'tap7', mac: '52:00:00:00:00:01' },
  ];
  const micro: VmSpec = { ...spec, machine: 'microvm', kernel: { path: '/k', cmdline: 'quiet' }, nics };
  const args = qemuArgs(micro, paths(micro), { accelerator: 'tcg', processorKhz: 2_500_000 });
  assert.not.ok(args.some((arg) => arg.includes('-pci')));
  assert.ok(args.includes('virtio-blk-device,drive=disk-boot,serial=boot,werror=enospc,rerror=report'));
  assert.is(args[args.indexOf('-append') + 1], 'quiet tsc_early_khz=2500000');
  const own = tapName('/state/vms', 'vm-1', 0);
  assert.match(own, /^eq[0-9a-f]{13}$/);
  assert.ok(args.includes(`tap,id=net0,ifname=${own},script=no,downscript=no`));
  assert.ok(args.includes('tap,id=net1,ifname=tap7,script=no,downscript=no'));
  const kvm = qemuArgs(micro, paths(micro), { accelerator: 'kvm', processorKhz: 2_500_000 });
  assert.is(kvm[kvm.indexOf('-append') + 1], 'quiet');
});

test('a machine can be made to end with its guest, and a boot disk to be read only', () => {
  const of: VmSpec = { ...spec, endsOnReset: true, bootReadOnly: true };
  const args = qemuArgs(of, paths(of), { accelerator: 'tcg' });
  assert.ok(args.includes('-no-reboot'));
  const disks = args.filter((arg) => arg.startsWith('{')).map((arg) => JSON.parse(arg) as object);
  assert.is((disks[0] as { 'read-only': boolean })['read-only'], true);
  assert.not(qemuArgs(spec, paths(spec), { accelerator: 'tcg' }).includes('-no-reboot'));
});

test('KVM takes the host processor; a kernel is passed on', () => {
  const args = qemuArgs({ ...spec, kernel: { path: '/k', initrd: '/i', cmdline: 'a=b, c' } }, paths(spec), {
    accelerator: 'kvm',
  });
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
        const own: VmSpec = { ...spec, nics: [{ type: 'user', forwards }] };
        const disk = {
          layers: [{ nodeName: 'd', path: `/x/${odd}`, format: 'qcow2' }],
          readOnly: false,
          serial: 's',
        } as const;
        const with_: VmPaths = { ...paths(own), consoleLog: `/x/${odd}`, disks: [disk] };
        const args = qemuArgs(own, with_, { accelerator: 'tcg' });
        assert.equal(args, qemuArgs(own, with_, { accelerator: 'tcg' }));
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
      assert.match(macOf(id, 0, 'user'), /^52:54:00(:[0-9a-f]{2}){3}$/);
      assert.match(macOf(id, 0, 'bridge'), /^52(:[0-9a-f]{2}){5}$/);
      assert.is.not(macOf(id, 0, 'bridge'), macOf(id, 1, 'bridge'));
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
  const first: HostForward = { proto: 'tcp', hostAddr: '127.0.0.1', hostPort: 18080, guestPort: 8080 };
  const nic = (change: Partial<HostForward>): Nic => ({ type: 'user', forwards: [{ ...first, ...change }] });
  const kernel = { path: '/k' };
  const wrong: readonly (readonly [Partial<VmSpec>, string])[] = [
    [{ id: '../up' }, 'id'],
    [{ id: '.hidden' }, 'id'],
    [{ cpus: 0 }, 'cpus'],
    [{ memoryMib: 1.5 }, 'memoryMib'],
    [{ diskMib: 0 }, 'diskMib'],
    [{ nics: [{ type: 'user', mac: '01:00:00:00:00:00' }] }, 'nics[0].mac'],
    [{ nics: [nic({}), nic({ guestPort: 9 })] }, 'nics[1].forwards[0].hostPort'],
    [{ nics: [nic({ hostPort: 0 })] }, 'nics[0].forwards[0].hostPort'],
    [{ nics: [nic({ hostAddr: '127.0.0.1,x' })] }, 'nics[0].forwards[0].hostAddr'],
    [{ nics: [{ type: 'tap', tap: 'a,b' }] }, 'nics[0].tap'],
    [{ nics: [{ type: 'tap', tap: '0123456789abcdef' }] }, 'nics[0].tap'],
    [{ nics: [{ type: 'bridge', bridge: '' }] }, 'nics[0].bridge'],
    [{ nics: [{ type: 'vlan' } as unknown as Nic] }, 'nics[0].type'],
    [{ machine: 'microvm' }, 'kernel'],
    [{ maxCpus: 1 }, 'maxCpus'],
    [{ maxMemoryMib: 255 }, 'maxMemoryMib'],
    [{ maxMemoryMib: 257 }, 'maxMemoryMib'],
    [{ machine: 'microvm', kernel, display: 'vnc' }, 'display'],
    [{ machine: 'microvm', kernel, maxCpus: 4 }, 'maxCpus and maxMemoryMib'],
    [{ machine: 'microvm', kernel, nics: Array<Nic>(22).fill({ type: 'user' }) }, 'extraDisks'],
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

test('memory goes back into a machine with the limits that it had', () => {
  const grown = { ...spec, cpus: 8, maxCpus: 32, maxMemoryMib: 2048 };
  const boot = { cpus: 1, memoryMib: 256, plugged: [], maxCpus: 4, maxMemoryMib: 1024 };
  const args = qemuArgs(grown, paths(grown), { accelerator: 'tcg', boot });
  assert.is(args[args.indexOf('-smp') + 1], '1,maxcpus=4');
  assert.is(args[args.indexOf('-m') + 1], '256M,maxmem=1024M');
});

test('a card of another model and hardware of a generation', () => {
  const other = { ...spec, machineVersion: '6.2', nics: [{ type: 'user', model: 'e1000' }] } as const;
  checkSpec(other);
  const args = qemuArgs(other, paths(other), { accelerator: 'tcg' });
  assert.is(args[args.indexOf('-machine') + 1], 'pc-q35-6.2,usb=off,vmport=off');
  assert.ok(args.some((arg) => arg.startsWith('e1000,netdev=net0,id=nic0,')));
  assert.throws(() => checkSpec({ ...other, machineVersion: '7' }), /machineVersion must be two numbers/);
});

test.run();
