import { EdgeplaneError } from '@edgeplane/base';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { qemuErrors } from '../../engines/qemu/index.js';
import { readClone } from './clone-plan.js';
import { managerError } from './codes.js';
import { readCreate, vmSpecOf } from './create-plan.js';
import { readDesired } from './desired.js';
import { readPreparation } from './image-wish.js';
import { readObject } from './json.js';
import { freeId, hostNameOf, snapshotName } from './names.js';
import { requests, vmClass } from './testing.js';
import { quantityBytes } from './values.js';
import { capabilities } from './views.js';
import { headroom } from './vm-class.js';

/** What managers write, in both of their spellings, and what nobody should. */
const test = suite('payloads of VirtRigaud');

const BRIDGES = new Set(['br0']);
const plan = (over: Parameters<typeof requests.create>[0] = {}) => readCreate(requests.create(over), BRIDGES);
const HOST = {
  ...{
    id: 'web',
    cloudlet: '{}',
    instance: 'op1',
    imagePath: '/images/a.qcow2',
    imageMib: 100,
    adopt: false,
  },
  ...{ machineVersion: '7.2', display: false, forwards: [] },
};
const refusal = (work: () => unknown): string => {
  try {
    work();
    return 'OK';
  } catch (error) {
    return error instanceof EdgeplaneError ? `${error.status} ${error.message}` : `THROWN ${String(error)}`;
  }
};

test('both spellings mean the same, and null means nothing', () => {
  const go = plan({ classJson: vmClass({ CPU: 4, MemoryMiB: 8192, SizeGiB: 40 }) });
  const kubernetes = plan({
    classJson:
      '{"cpu":4,"memory":"8Gi","firmware":"BIOS","diskDefaults":{"type":"thin","size":"40Gi"},"unknown":[1]}',
    ...{ imageJson: 'null', disksJson: '', networksJson: 'null' },
  });
  assert.equal(go.class, kubernetes.class);
  assert.equal(go.parts, kubernetes.parts);
  const spec = vmSpecOf(go, { ...HOST, imagePath: '', imageMib: 0 });
  assert.equal(
    [spec.cpus, spec.maxCpus, spec.memoryMib, spec.maxMemoryMib, spec.diskMib],
    [4, 16, 8192, 32_768, 40_960],
  );
  assert.equal(spec.nics, [{ type: 'user' }]);
  assert.is(spec.cloudInit?.userData, undefined);
});

test('the whole of a create request comes to be the machine', () => {
  const networksJson = JSON.stringify([
    {
      ...{
        Name: 'eth0',
        NetworkName: 'default',
        Bridge: 'br0',
        VLAN: 0,
        Model: 'virtio',
        MacAddress: '',
        IPPolicy: '',
      },
      ...{
        StaticIP: '10.0.0.5',
        Prefix: 24,
        Gateway: '10.0.0.1',
        DNS: '1.1.1.1, 8.8.8.8',
        PCISlotNumber: null,
      },
    },
    { name: 'eth1', networkName: '', model: 'E1000', macAddress: '52:54:00:AA:00:01' },
  ]);
  const made = plan({
    networksJson,
    imageJson:
      '{"TemplateName":"t","Path":"/images/a.qcow2","URL":"http://x/","Format":"qcow2","Checksum":"","ChecksumType":"sha256"}',
    disksJson: '[{"SizeGiB":2,"Type":"thin","Name":"data"},{"SizeGiB":1,"Type":"","Name":""}]',
    userData: Buffer.from('#cloud-config\nü: 1\n'),
    metaData: Buffer.from('instance-id: i-1\nlocal-hostname: web.site\nkeys: {a: [b]}\n'),
    tags: ['blue'],
  });
  assert.equal([made.image.kind, made.image.format], ['path', 'qcow2']);
  const spec = vmSpecOf(made, HOST);
  assert.equal(spec.nics, [
    { type: 'bridge', bridge: 'br0' },
    { type: 'user', mac: '52:54:00:aa:00:01', model: 'e1000' },
  ]);
  assert.equal(
    spec.extraDisks?.map(({ name, sizeMib }) => [name, sizeMib]),
    [
      ['data', 2048],
      ['disk-2', 1024],
    ],
  );
  const { cloudInit } = spec;
  assert.equal(
    [cloudInit?.instanceId, cloudInit?.hostname, cloudInit?.metaData],
    ['i-1', 'web.site', { keys: { a: ['b'] } }],
  );
  const network = parse(cloudInit?.networkConfig ?? '');
  assert.is(network.version, 2);
  const { match, ...first } = network.ethernets.nic0;
  assert.match(match.macaddress, /^52(:[0-9a-f]{2}){5}$/);
  assert.equal(first, {
    addresses: ['10.0.0.5/24'],
    routes: [{ to: '0.0.0.0/0', via: '10.0.0.1' }],
    nameservers: { addresses: ['1.1.1.1', '8.8.8.8'] },
  });
  assert.equal(network.ethernets.nic1, { match: { macaddress: '52:54:00:aa:00:01' }, dhcp4: true });
});

test('what is wrong is named, with the rule and the value', () => {
  const cases: readonly (readonly [Parameters<typeof requests.create>[0], string])[] = [
    [{ name: '../x' }, 'INVALID_ARGUMENT name must be'],
    [{ name: 'a'.repeat(91) }, 'INVALID_ARGUMENT name must be'],
    [{ classJson: '' }, 'INVALID_ARGUMENT class_json must be given'],
    [{ classJson: 'null' }, 'INVALID_ARGUMENT class_json must be given'],
    [{ classJson: '[]' }, 'INVALID_ARGUMENT class_json must be an object, got []'],
    [{ classJson: '{"CPU":' }, 'INVALID_ARGUMENT class_json must be JSON'],
    [{ classJson: '{}' }, 'INVALID_ARGUMENT class_json.CPU must be given'],
    [
      { classJson: vmClass({ CPU: 0 }) },
      'INVALID_ARGUMENT class_json.CPU must be a whole number from 1 to 128, got 0',
    ],
    [
      { classJson: vmClass({ CPU: 1.5 }) },
      'INVALID_ARGUMENT class_json.CPU must be a whole number from 1 to 128, got 1.5',
    ],
    [{ classJson: vmClass({ CPU: 1e308 }) }, 'INVALID_ARGUMENT class_json.CPU'],
    [{ classJson: vmClass({ MemoryMiB: -1 }) }, 'INVALID_ARGUMENT class_json.MemoryMiB'],
    [{ classJson: vmClass({ SizeGiB: 1e12 }) }, 'INVALID_ARGUMENT class_json.DiskDefaults.SizeGiB'],
    [
      { classJson: '{"cpu":1,"memory":"lots"}' },
      'INVALID_ARGUMENT class_json.memory must be a quantity such as 8Gi, got "lots"',
    ],
    [
      { classJson: vmClass().replace('"thin"', '"eagerzeroedthick"') },
      'INVALID_ARGUMENT class_json.DiskDefaults.Type',
    ],
    [
      { classJson: vmClass().replace('"BIOS"', '"UEFI"') },
      'FAILED_PRECONDITION class_json.Firmware: UEFI firmware is not available',
    ],
    [
      { classJson: vmClass().replace('"SecurityProfile":null', '"SecurityProfile":{"TPMEnabled":true}') },
      'FAILED_PRECONDITION class_json.SecurityProfile.TPMEnabled',
    ],
    [{ imageJson: '{"URL":"http://x/","Format":"ova"}' }, 'INVALID_ARGUMENT image_json.Format'],
    [
      { imageJson: '{"Path":"/x","Checksum":"12","ChecksumType":"md5"}' },
      'INVALID_ARGUMENT image_json.Checksum must be 32 hexadecimal digits',
    ],
    [{ imageJson: '{"Path":"/x","ChecksumType":"crc"}' }, 'INVALID_ARGUMENT image_json.ChecksumType'],
    [{ networksJson: '{}' }, 'INVALID_ARGUMENT networks_json must be a list'],
    [
      { networksJson: '[{"NetworkName":"none"}]' },
      'NOT_FOUND networks_json[0].NetworkName: Network "none" not found',
    ],
    [{ networksJson: '[{"VLAN":7}]' }, 'FAILED_PRECONDITION networks_json[0].VLAN'],
    [
      { networksJson: '[{"MacAddress":"01:00:00:00:00:00"}]' },
      'INVALID_ARGUMENT networks_json[0].MacAddress',
    ],
    [{ networksJson: '[{"StaticIP":"10.0.0"}]' }, 'INVALID_ARGUMENT networks_json[0].StaticIP'],
    [{ networksJson: '[{"Model":"ne2k"}]' }, 'INVALID_ARGUMENT networks_json[0].Model'],
    [{ disksJson: '[{"SizeGiB":0}]' }, 'INVALID_ARGUMENT disks_json[0].SizeGiB'],
    [{ disksJson: '[{"SizeGiB":1,"Name":"boot"}]' }, 'INVALID_ARGUMENT disks_json[0].Name'],
    [{ placementJson: '"here"' }, 'INVALID_ARGUMENT placement_json must be an object'],
    [
      { userData: Buffer.from([0xff, 0xfe]) },
      'INVALID_ARGUMENT user_data must be UTF-8 text, got "(2 bytes)"',
    ],
    [{ metaData: Buffer.from('- a') }, 'INVALID_ARGUMENT meta_data must be a YAML mapping'],
    [{ metaData: Buffer.from('a: [password') }, 'INVALID_ARGUMENT meta_data must be YAML'],
  ];
  for (const [over, text] of cases)
    assert.match(
      refusal(() => plan(over)),
      text,
    );
  // Nothing of a secret is quoted.
  assert.not.match(
    refusal(() => plan({ metaData: Buffer.from('a: [password') })),
    'password',
  );
  assert.not.match(
    refusal(() => readObject('desired_json', '{"UserData": passw0rd}')),
    'passw0rd',
  );
});

test('no payload does anything but be read or be refused by name', () => {
  const source = { id: 'web', spec: vmSpecOf(plan(), HOST), rootMib: undefined };
  const readers: Record<string, (text: string) => unknown> = {
    class_json: (classJson) => plan({ classJson }),
    image_json: (imageJson) => plan({ imageJson }),
    networks_json: (networksJson) => plan({ networksJson }),
    disks_json: (disksJson) => plan({ disksJson }),
    desired_json: (text) => readDesired(text, source),
    customize_json: (customizeJson) => readClone(requests.clone({ customizeJson })),
    preparation: (text) => {
      const json = readObject('image_json', text);
      return json && readPreparation(json);
    },
  };
  const keys = fc.constantFrom(
    ...[
      'CPU',
      'memory',
      'MemoryMiB',
      'Class',
      'Disks',
      'SizeGiB',
      'Name',
      'source',
      'http',
      'url',
      'Path',
      'networks',
      'dns',
    ],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'hostname',
      'userData',
      'guestCommands',
      'DiskDefaults',
      'ExtraConfig',
      'StaticIP',
    ],
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      ...[fc.constant(null), fc.boolean(), fc.double(), fc.integer(), fc.string(), fc.constant('8Gi')],
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(readers)),
      fc.oneof(
        value.map((v) => JSON.stringify(v)),
        fc.string(),
      ),
      (name, text) => {
        const outcome = refusal(() => readers[name]?.(text));
        assert.match(outcome, /^(OK$|INVALID_ARGUMENT |NOT_FOUND |FAILED_PRECONDITION )/, `${name} ${text}`);
      },
    ),
    { numRuns: 1500 },
  );
});

test('names, quantities and limits', () => {
  assert.equal(
    ['8Gi', '500M', '1073741824', '1.5Gi', '1500m'].map((text) => quantityBytes('f', text)),
    [8 * 2 ** 30, 5e8, 2 ** 30, 1.5 * 2 ** 30, 2],
  );
  assert.equal(
    [snapshotName('', 1_700_000_000_123), snapshotName('-_.a b/ü', 0)],
    ['snapshot-1700000000', 'a-b--'],
  );
  assert.match(
    refusal(() => snapshotName('///', 0)),
    'INVALID_ARGUMENT name_hint',
  );
  assert.is(
    freeId('a', (id) => ['a', 'a-2'].includes(id)),
    'a-3',
  );
  assert.equal([hostNameOf('my_vm.'), hostNameOf('x'.repeat(80)).length], ['my-vm', 63]);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 16, max: 4 * 1024 * 1024 }),
      (cpus, memoryMib) => {
        const { maxCpus = cpus, maxMemoryMib = memoryMib } = headroom(
          { cpus, memoryMib },
          { hotCpus: true, hotMemory: true },
        );
        assert.ok(maxCpus >= cpus && maxMemoryMib >= memoryMib && (maxMemoryMib - memoryMib) % 2 === 0);
      },
    ),
  );
});

test('a host without its programs claims nothing', () => {
  for (const [name, value] of Object.entries(capabilities(false)))
    assert.equal(value, Array.isArray(value) ? [] : false, name);
  for (const [name, value] of Object.entries(capabilities(true)))
    assert.ok(Array.isArray(value) ? value.length > 0 : value, name);
});

test('faults of one machine do not make the host look broken', () => {
  for (const kind of Object.values(qemuErrors)) {
    const mapped = managerError(new EdgeplaneError(kind, 'text')) as EdgeplaneError;
    const bad = ['INTERNAL', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'DATA_LOSS', 'OUT_OF_RANGE'].includes(
      mapped.status,
    );
    assert.not(bad, `${kind.code} ${mapped.status}`);
    if (mapped.status === 'UNAVAILABLE') assert.is(kind.code, 'imageDownloadFailed');
  }
  const full = managerError(Object.assign(new Error('write'), { code: 'ENOSPC' })) as EdgeplaneError;
  assert.is(full.status, 'RESOURCE_EXHAUSTED');
});

test.run();
