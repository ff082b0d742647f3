import { isKind } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { podmanErrors } from './errors.js';
import type { PodmanSettings } from './settings.js';
import { type ContainerSpec, checkSpec, containerHash, containerRequest, LABEL } from './spec.js';

const settings: PodmanSettings = {
  runtime: 'runc',
  cgroupManager: 'cgroupfs',
  ulimits: [],
  limits: true,
  storageDriver: 'overlay',
  network: 'bridge',
};
const spec: ContainerSpec = {
  name: 'web',
  image: 'localhost/x:1',
  network: 'n',
  ports: [{ proto: 'udp', hostIp: '127.0.0.1', hostPort: 5000, containerPort: 53 }],
  limits: { memoryMB: 64, vcpus: 0.5, pids: 20 },
};
const context = { owner: 'a', network: 'n-1', imageId: 'id', settings };

test('a request carries limits, ports, network and owner', () => {
  const request = containerRequest(spec, context);
  assert.equal(request.resource_limits, {
    memory: { limit: 67108864 },
    cpu: { period: 100000, quota: 50000 },
    pids: { limit: 20 },
  });
  assert.equal(request.portmappings, [
    { protocol: 'udp', host_ip: '127.0.0.1', host_port: 5000, container_port: 53 },
  ]);
  assert.equal(request.Networks, { 'n-1': {} });
  assert.is(request.labels[LABEL.owner], 'a');
  assert.is(request.image, 'id');
});

test('without kernel support no limit is asked for, and slirp4netns takes the place of the bridge', () => {
  const request = containerRequest(spec, {
    ...context,
    settings: { ...settings, limits: false, network: 'slirp4netns' },
  });
  assert.is(request.resource_limits, undefined);
  assert.equal(request.netns, { nsmode: 'slirp4netns' });
  assert.is(request.Networks, undefined);
});

test('the hash is of content, not of order', () => {
  const { name, image, ...rest } = spec;
  assert.is(containerHash({ ...rest, image, name }, 'id'), containerHash(spec, 'id'));
  assert.is.not(containerHash(spec, 'other'), containerHash(spec, 'id'));
  assert.is.not(containerHash({ ...spec, env: { A: '1' } }, 'id'), containerHash(spec, 'id'));
});

const refusals: [string, Partial<ContainerSpec>][] = [
  ['name', { name: '../x' }],
  ['limits.memoryMB', { limits: { memoryMB: 1, vcpus: 1 } }],
  ['limits.vcpus', { limits: { memoryMB: 64, vcpus: 0 } }],
  ['ports.hostPort', { ports: [{ proto: 'tcp', hostPort: 0, containerPort: 1 }] }],
  ['labels', { labels: { [LABEL.owner]: 'somebody' } }],
  [
    'ports.hostPort',
    {
      ports: [
        { proto: 'tcp', hostPort: 1, containerPort: 1 },
        { proto: 'tcp', hostPort: 1, containerPort: 2 },
      ],
    },
  ],
];

for (const [field, change] of refusals) {
  test(`refuses a bad ${field}: ${JSON.stringify(change)}`, () => {
    try {
      checkSpec({ ...spec, ...change });
    } catch (error) {
      assert.ok(isKind(error, podmanErrors.PODMAN_BAD_SPEC));
      assert.match(error.message, `${field}:`);
      return;
    }
    assert.unreachable('accepted');
  });
}

test.run();
