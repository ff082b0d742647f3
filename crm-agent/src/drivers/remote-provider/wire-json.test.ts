import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { testApp, testAppInst, testFlavor } from '../../testing.js';
import { type MachinePlan, planVm, sameButSize } from './machine-plan.js';
import { classJson, desiredJson, imageJson, networksJson } from './wire-json.js';

const plan: MachinePlan = {
  ...{
    name: 'vm1',
    cpus: 2,
    memoryMib: 4096,
    diskGib: 40,
    image: 'https://x/a.qcow2?b=<c>&d',
    userData: '#c\n',
  },
  metaData: 'instance-id: i\n',
  ...{ networks: [], extraConfig: {}, tags: ['t'] },
};

const CLASS =
  '{"CPU":2,"MemoryMiB":4096,"Firmware":"BIOS","DiskDefaults":{"Type":"thin","SizeGiB":40},"GuestToolsPolicy":"install",' +
  '"ExtraConfig":null,"PerformanceProfile":null,"SecurityProfile":null,"ResourceLimits":null}';
const IMAGE =
  '{"TemplateName":"","Path":"","URL":"https://x/a.qcow2?b=\\u003cc\\u003e\\u0026d","Format":"qcow2","Checksum":"",' +
  '"ChecksumType":"sha256"}';

test('texts are those that the manager writes', () => {
  assert.is(classJson(plan), CLASS);
  assert.is(imageJson(plan), IMAGE);
  assert.is(networksJson(plan), 'null');
  assert.is(
    networksJson({ ...plan, networks: [{ network: 'default', bridge: 'br0' }] }),
    '[{"Name":"eth0","Portgroup":"","NetworkName":"default","Bridge":"br0","VLAN":0,"Model":"virtio","MacAddress":"",' +
      '"IPPolicy":"","StaticIP":"","Prefix":0,"Gateway":"","DNS":"","PCISlotNumber":null}]',
  );
  assert.is(
    desiredJson(plan),
    `{"Name":"vm1","Class":${CLASS},"Image":${IMAGE},"Networks":null,"Disks":null,` +
      '"UserData":{"CloudInitData":"#c\\n","Type":"cloud-config"},"MetaData":{"MetaDataYAML":"instance-id: i\\n"},' +
      '"Placement":null,"Tags":["t"]}',
  );
});

test('an image is a URL, a path, or the name of a template', () => {
  const image = (text: string) => {
    const { TemplateName, Path, URL: url, Format } = JSON.parse(imageJson({ ...plan, image: text }));
    return [TemplateName, Path, url, Format];
  };
  assert.equal(image('/pool/base.RAW'), ['', '/pool/base.RAW', '', 'raw']);
  assert.equal(image('HTTP://x/y'), ['', '', 'HTTP://x/y', 'qcow2']);
  assert.equal(image('ubuntu-22.04'), ['ubuntu-22.04', '', '', 'template']);
});

const settings = {
  ...{ platform: 'remote-provider', prefix: 'ep-0123456789ab-', cloudletKeyJson: '{}' },
  ...{ network: '', bridge: '', nodeImage: '' },
};

function planOf(over: Partial<ReturnType<typeof testApp>>, flavor = testFlavor()) {
  const app = testApp(
    { deployment: 'vm', imagePath: 'guest', ...over },
    'A very long name of an App, longer than any',
  );
  const appInst = testAppInst({}, app);
  return planVm({ keyJson: 'key', app, appInst, clusterInst: undefined, flavor }, settings);
}

test('a name is qualified by its owner and fits into a label; user data are never empty', () => {
  const { name, userData } = planOf({});
  assert.match(name, /^ep-0123456789ab-a-very-long-name-of-an-app-longe-[0-9a-f]{12}$/);
  assert.ok(name.length <= 63);
  assert.is(userData, '#cloud-config\n');
  assert.match(planOf({ command: 'serve' }).userData, /runcmd:\n {2}- serve\n/);
  assert.is(planOf({ deploymentManifest: '#!/bin/sh\n' }).userData, '#!/bin/sh\n');
});

test('what cannot be is refused by name', () => {
  assert.throws(
    () => planOf({ deployment: 'docker' }),
    /docker is not supported on platform remote-provider/,
  );
  assert.throws(() => planOf({}, testFlavor({ devices: ['gpu'] })), /flavor small: devices .* gpu/);
  assert.throws(() => planOf({}, testFlavor({ ram: 0n })), /flavor small has no ram/);
});

test('plans that differ in size only are told from others', () => {
  const one = planOf({});
  assert.ok(sameButSize(one, planOf({}, testFlavor({ ram: 999n, vcpus: 7n }))));
  assert.not(sameButSize(one, planOf({}, testFlavor({ disk: 9n }))));
  assert.not(sameButSize(one, planOf({ imagePath: 'other' })));
});

test.run();
