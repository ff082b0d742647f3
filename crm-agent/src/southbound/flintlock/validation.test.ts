/** The table of flintlock spec section 2.3, and what this host refuses beyond it. */
import { EdgeplaneError, STATUS_NAMES } from '@edgeplane/base';
import type * as old from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import type * as current from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkAsked, checkMachine, completed, withDefaults } from './accept.js';
import { specOf2021 } from './codec-2021.js';
import { specOfCurrent } from './codec-current.js';
import { isCidr, isImageUri, isMac } from './formats.js';
import { type Dialect, FRESH_STATUS, type MicrovmSpec } from './model.js';
import { currentSpec, oldSpec } from './testing.js';

const UID = '01FZZJV1XD2FKH2KY0NDB4MBRQ';

/** The text that a create would be refused with; empty when it would not be. */
function refusal(asked: MicrovmSpec, dialect: Dialect): string {
  try {
    const spec = withDefaults(asked, dialect);
    checkAsked(spec, dialect, 'creating');
    const vm = {
      ...{ uid: UID, version: 1, generation: 1, askedDigest: '', createdAt: 0, status: FRESH_STATUS },
      spec: completed(spec, UID, dialect),
    };
    checkMachine(vm, { bridge: '', parent: '' }, dialect, 'creating');
    return '';
  } catch (error) {
    if (!(error instanceof EdgeplaneError)) throw error;
    assert.ok(STATUS_NAMES.includes(error.status) && error.status !== 'UNKNOWN');
    return error.message;
  }
}

const now = (over: Partial<current.MicroVMSpec>) => refusal(specOfCurrent(currentSpec(over)), 'current');
const then = (over: Partial<old.MicroVMSpec>) => refusal(specOf2021(oldSpec(over)), '2021');

const line = (path: string, tag: string, field = path.split('.').at(-1)) =>
  `Key: 'MicroVM.${path}' Error:Field validation for '${field}' failed on the '${tag}' tag`;
const NOW = 'creating microvm: an error occurred when attempting to validate microvm spec: ';
const THEN = 'an error occurred when attempting to validate the request: ';
const failures = (...lines: string[]) => `validation failures found: ${lines.join('\n')}`;

test('what is right passes in each dialect', () => {
  assert.is(now({}), '');
  assert.is(then({}), '');
});

const nic = (over: object) =>
  [{ ...currentSpec().interfaces[0], ...over }] as current.MicroVMSpec['interfaces'];
const oldNic = (over: object) => [{ ...oldSpec().interfaces[0], ...over }] as old.MicroVMSpec['interfaces'];
const volume = (over: object) => ({ ...currentSpec().rootVolume, ...over }) as current.Volume;
const oldVolume = (over: object) => ({ ...oldSpec().volumes[0], ...over }) as old.Volume;
const address = (over: object) => nic({ address: { address: '10.0.0.2/24', nameservers: [], ...over } });
const kernel = (over: object) => ({ ...currentSpec().kernel, ...over }) as current.Kernel;
const NIC = 'Spec.NetworkInterfaces[0]';

/** A change of what is right, by dialect, and the line that it costs. */
const ROWS: readonly (readonly [string, string, string])[] = [
  [now({ vcpu: -1 }), then({ vcpu: -1 }), line('Spec.VCPU', 'gte')],
  [now({ vcpu: 65 }), then({ vcpu: 65 }), line('Spec.VCPU', 'lte')],
  ['', then({ vcpu: 0 }), line('Spec.VCPU', 'required')],
  [now({ memoryInMb: 1023 }), then({ memoryInMb: 1023 }), line('Spec.MemoryInMb', 'gte')],
  [now({ memoryInMb: 32_769 }), then({ memoryInMb: 32_769 }), line('Spec.MemoryInMb', 'lte')],
  ['', then({ memoryInMb: 0 }), line('Spec.MemoryInMb', 'required')],
  [now({ kernel: kernel({ image: '' }) }), '', line('Spec.Kernel.Image', 'required')],
  [now({ kernel: kernel({ image: 'ubuntu:22.04' }) }), '', line('Spec.Kernel.Image', 'imageURI')],
  [now({ kernel: kernel({ filename: undefined }) }), '', line('Spec.Kernel.Filename', 'required')],
  [
    now({ initrd: { image: '/abs', filename: 'x' } }),
    then({ initrd: { image: '/abs', filename: 'x' } }),
    line('Spec.Initrd.Image', 'imageURI'),
  ],
  [now({ interfaces: [] }), then({ interfaces: [] }), line('Spec.NetworkInterfaces', 'required')],
  [
    now({ interfaces: nic({ deviceId: '' }) }),
    then({ interfaces: oldNic({ guestDeviceName: '' }) }),
    line(`${NIC}.GuestDeviceName`, 'required'),
  ],
  [
    now({ interfaces: nic({ deviceId: 'a/b' }) }),
    then({ interfaces: oldNic({ guestDeviceName: 'a@b' }) }),
    line(`${NIC}.GuestDeviceName`, 'excludesall'),
  ],
  [
    now({ interfaces: nic({ deviceId: '!eth0' }) }),
    then({ interfaces: oldNic({ guestDeviceName: 'Eth0' }) }),
    line(`${NIC}.GuestDeviceName`, 'guestDeviceName'),
  ],
  [
    now({ interfaces: nic({ guestMac: 'zz:00' }) }),
    then({ interfaces: oldNic({ guestMac: '1' }) }),
    line(`${NIC}.GuestMAC`, 'mac'),
  ],
  [
    now({ interfaces: nic({ type: 7 }) }),
    then({ interfaces: oldNic({ type: 2 }) }),
    line(`${NIC}.Type`, 'oneof'),
  ],
  ['', then({ interfaces: oldNic({ address: '10.0.0.2' }) }), line(`${NIC}.Address`, 'cidr')],
  [now({ interfaces: address({ address: 'x' }) }), '', line(`${NIC}.StaticAddress.Address`, 'cidr')],
  [now({ interfaces: address({ gateway: '10.0.0.1' }) }), '', line(`${NIC}.StaticAddress.Gateway`, 'cidr')],
  [
    now({ interfaces: address({ nameservers: ['10.0.0.1', 'dns'] }) }),
    '',
    line(`${NIC}.StaticAddress.Nameservers[1]`, 'ip'),
  ],
  ['', then({ volumes: [oldVolume({ isRoot: false })] }), line('Spec.volumes', 'oneVolumeMustBeRoot')],
  ['', then({ volumes: [oldVolume({}), oldVolume({ id: 'b' })] }), line('Spec.volumes', 'onlyOneRootVolume')],
  ['', then({ volumes: [oldVolume({ mountPoint: '' })] }), line('Spec.Volumes[0].MountPoint', 'required')],
  ['', then({ volumes: [oldVolume({ mountPoint: 'x' })] }), line('Spec.Volumes[0].MountPoint', 'startswith')],
  [now({ rootVolume: undefined }), '', line('Spec.root_volume', 'volumeOrInitrdRequired')],
  [
    now({ rootVolume: volume({ source: { virtiofsSource: '/x' } }) }),
    '',
    line('Spec.RootVolume', 'novirtiofs'),
  ],
  [
    now({ additionalVolumes: ['a', 'b'].map((id) => volume({ id, source: { virtiofsSource: '/x' } })) }),
    '',
    line('Spec.AdditionalVolumes', 'onlyOneVirtioFS'),
  ],
  [
    now({ additionalVolumes: [volume({ id: 'a', source: { virtiofsSource: '/x', containerSource: 'y' } })] }),
    '',
    line('Spec.AdditionalVolumes', 'multipleVolSources'),
  ],
];
ROWS.forEach(([inCurrent, in2021, expected], i) => {
  test(`row ${i + 1}: ${expected}`, () => {
    assert.ok(inCurrent !== '' || in2021 !== '');
    if (inCurrent !== '') assert.is(inCurrent, NOW + failures(expected));
    if (in2021 !== '') assert.is(in2021, THEN + failures(expected));
  });
});

test('several failures are told in one text, in the order of the members', () => {
  const kernelLines = [line('Spec.Kernel.Image', 'required'), line('Spec.Kernel.Filename', 'required')];
  assert.is(now({ kernel: undefined, vcpu: 100 }), NOW + failures(...kernelLines, line('Spec.VCPU', 'lte')));
  const volumeLines = [line('Spec.Volumes', 'required'), line('Spec.volumes', 'volumeOrInitrdRequired')];
  assert.is(then({ volumes: [] }), THEN + failures(...volumeLines));
});

test('defaults, names and what the provider does not do', () => {
  assert.is(now({ vcpu: 0, memoryInMb: 0, namespace: '' }), '');
  assert.is(now({ kernel: kernel({ image: ' reg.local/k:1\n' }) }), '');
  const required = 'converting request: creating vmid from spec: ';
  assert.is(now({ id: '' }), `${required}name is required`);
  assert.is(then({ id: '' }), `${required}name is required`);
  assert.is(then({ namespace: '' }), `${required}namespace is required`);
  for (const provider of ['', 'firecracker', 'cloudhypervisor', 'qemu', 'qemu-microvm'])
    assert.is(now({ provider }), '');
  assert.is(now({ provider: 'xen' }), "creating microvm: microvm provider xen isn't available");
  assert.is(now({ provider: 'toString' }), "creating microvm: microvm provider toString isn't available");
  const shared = [volume({ id: 'a', source: { virtiofsSource: '/etc' } })];
  assert.is(
    now({ additionalVolumes: shared }),
    'creating microvm: virtiofs not supported by the microvm provider',
  );
  const vsock = 'creating microvm: guest agent (vsock) not supported by the microvm provider';
  assert.is(now({ allowGuestAgent: true }), vsock);
});

test('metadata that cannot be told is refused; what is told raw is taken in the current dialect', () => {
  assert.is(now({ metadata: { 'user-data': '#cloud-config\n' } }), '');
  assert.match(then({ metadata: { k: 'not base64' } }), 'creating microvm: base64 decoding metadata k: ');
  const list = Buffer.from('- a\n').toString('base64');
  assert.match(
    now({ metadata: { 'meta-data': list } }),
    'creating microvm: adding instance data: it is not a map',
  );
  assert.match(now({ metadata: { 'meta-data': '{' } }), 'creating microvm: adding instance data: ');
});

/** What names the member and the value; nothing of it gets as far as a path. */
const HOSTILE: readonly (readonly [string, string])[] = [
  [now({ id: '../../etc' }), 'id must be 1 to 253 characters'],
  [now({ id: '..' }), 'id must be'],
  [now({ id: 'a\0b' }), 'id must be'],
  [now({ id: 'x'.repeat(254) }), '(256 characters)'],
  [now({ namespace: 'a/b' }), 'namespace must be'],
  [now({ kernel: kernel({ filename: '../../etc/shadow' }) }), 'kernel.filename must be the path of a file'],
  [now({ kernel: kernel({ filename: 'boot/' }) }), 'kernel.filename must be'],
  [now({ initrd: { image: 'x/y', filename: '' } }), 'initrd.filename must be'],
  [now({ rootVolume: volume({ id: '../x' }) }), 'volume 0 ("../x") id must be'],
  [now({ additionalVolumes: [volume({})] }), 'volume 1 ("root") id must be given once'],
  [now({ rootVolume: volume({ sizeInMb: -1 }) }), 'size_in_mb must be from 0 to 1048576 MiB, but got -1'],
  [now({ rootVolume: volume({ sizeInMb: 2 ** 31 - 1 }) }), 'size_in_mb must be from 0'],
  [now({ rootVolume: volume({ source: {}, sizeInMb: 0 }) }), 'must be given where no container_source is'],
  [now({ rootVolume: volume({ source: { containerSource: 'http://x/y' } }) }), 'container_source must be'],
  [now({ rootVolume: volume({ partitionId: 'sda1' }) }), 'partition_id must be a UUID, but got "sda1"'],
  [
    now({ additionalVolumes: [volume({ id: 'b', mountPoint: 'x\ny' })] }),
    'mount_point must be an absolute path',
  ],
  [now({ interfaces: [...nic({}), ...nic({})] }), 'interfaces[1] name must be given once'],
  [now({ interfaces: nic({ guestMac: '01:00:00:00:00:01' }) }), 'mac must be a unicast address'],
  [
    now({ interfaces: nic({ overrides: { bridgeName: 'br0,script=/x' } }) }),
    'bridge must be the name of a bridge',
  ],
  [now({ kernel: kernel({ cmdline: { 'a b': '' } }) }), 'kernel.cmdline must have names'],
  [now({ kernel: kernel({ cmdline: { a: 'x"y' } }) }), 'kernel.cmdline must have values'],
  [
    now({ kernel: kernel({ cmdline: { a: 'x'.repeat(3000) } }) }),
    'kernel.cmdline must have at most 2047 bytes',
  ],
  [
    now({ metadata: { big: 'x'.repeat(2 ** 22) } }),
    'metadata must have at most 4194304 bytes in all, but got 4194307',
  ],
  [now({ metadata: { 'a\nb': '' } }), 'metadata must have names without control characters'],
  [
    now({ additionalVolumes: Array.from({ length: 20 }, (_, i) => volume({ id: `v${i}` })) }),
    'volumes must be at most 16, but got 21',
  ],
];
HOSTILE.forEach(([text, words], i) => {
  test(`hostile ${i + 1}: ${words}`, () => assert.ok(text.includes(words), text));
});

test('formats', () => {
  const images = [
    'foo',
    'docker.io/library/ubuntu:22.04',
    'localhost:5000/x:1',
    'oci:/path',
    'ghcr.io/a b:1',
  ];
  for (const image of images) assert.ok(isImageUri(image), image);
  for (const image of ['', 'ubuntu:22.04', 'http://x/y', '/abs', 'a%zz', 'x\n/y'])
    assert.not(isImageUri(image), image);
  for (const mac of ['02:00:00:00:00:01', 'F5-C3-19-56-01-F4', '0200.0000.0001', '02:00:5e:10:00:00:00:01'])
    assert.ok(isMac(mac), mac);
  for (const mac of ['', '02:00:00:00:00', '02:00-00:00:00:01', '0200000000ag']) assert.not(isMac(mac), mac);
  for (const cidr of ['10.0.0.1/24', 'fe80::1/64', '0.0.0.0/0']) assert.ok(isCidr(cidr), cidr);
  for (const cidr of ['10.0.0.1', '10.0.0.1/33', '10.0.0.1/024', '/24', 'fe80::1/129'])
    assert.not(isCidr(cidr), cidr);
});

test('property: whatever is asked for is either taken or refused in words', () => {
  const any = fc.string({ maxLength: 12, unit: 'binary' });
  const spec = fc.record({
    ...{ id: any, namespace: any, vcpu: fc.integer(), memoryInMb: fc.constantFrom(0, 1024, 4096) },
    kernel: fc.record({ image: any, filename: any }),
    rootVolume: fc.record({ id: any, source: fc.record({ containerSource: any }), sizeInMb: fc.integer() }),
    interfaces: fc.array(fc.record({ deviceId: any, guestMac: any, type: fc.nat({ max: 2 }) }), {
      maxLength: 2,
    }),
    metadata: fc.dictionary(any, any, { maxKeys: 2, noNullPrototype: true }),
  });
  fc.assert(
    fc.property(spec, (over) => {
      const text = now(currentSpec(over as unknown as Partial<current.MicroVMSpec>));
      assert.type(text, 'string');
    }),
  );
});

test.run();
