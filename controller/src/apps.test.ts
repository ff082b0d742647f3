/** Apps over gRPC: what an update changes, what it regenerates, and what it fetches. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deferred } from '@edgeplane/base';
import { MemoryStore } from '@edgeplane/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { app, appKey, flavor, prepare } from './testing-data.js';

const apps = suite<{ controller: TestController; server: Server; url: string }>('apps');

apps.before(async (context) => {
  context.controller = await TestController.start({}, { allowLocalFetch: true });
  await prepare(context.controller);
  context.server = createServer((request, response) => {
    if (request.url === '/big') response.end('x'.repeat(1_000_000));
    else if (request.url === '/manifest') response.end('kind: Fetched');
    else if (request.url === '/generate') response.end('kind: Generated');
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => context.server.listen(0, '127.0.0.1', resolve));
  context.url = `http://127.0.0.1:${(context.server.address() as AddressInfo).port}`;
});

apps.after(async ({ controller, server }) => {
  await controller.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function stored(controller: TestController, name = 'web') {
  const [found] = await controller.show('App', { key: appKey(name) });
  if (!found) throw new Error(`no App ${name}`);
  return found;
}

apps('an update of ports makes the generated manifest follow', async ({ controller }) => {
  const update = app('web', { fields: ['7'], accessPorts: 'udp:99', command: 'not listed' });
  assert.equal(await controller.run('update', 'App', update), ['OK']);
  const after = await stored(controller);
  assert.equal([after.accessPorts, after.command, after.fields], ['udp:99', '', []]);
  assert.match(after.deploymentManifest, /name: udp99/);
});

apps('a manifest of one’s own replaces the generated one, and stays', async ({ controller }) => {
  const update = app('web', { fields: ['16'], deploymentManifest: 'kind: Own' });
  assert.equal(await controller.run('update', 'App', update), ['OK']);
  assert.equal(await controller.run('update', 'App', app('web', { fields: ['13'], command: 'x' })), ['OK']);
  const after = await stored(controller);
  assert.equal([after.deploymentManifest, after.deploymentGenerator, after.command], ['kind: Own', '', 'x']);
});

apps('an update without fields changes nothing; unknown fields are named', async ({ controller }) => {
  const before = await stored(controller);
  assert.equal(await controller.run('update', 'App', app('web', { command: 'y' })), ['OK']);
  assert.equal(await stored(controller), before);
  assert.equal(await controller.run('update', 'App', app('web', { fields: ['99'] })), [
    'fields: App has no field "99"',
  ]);
});

apps('manifests are fetched, within limits', async ({ controller, url }) => {
  const create = (name: string, path: string) =>
    controller.run('create', 'App', app(name, { deploymentManifest: `${url}${path}` }));
  assert.equal(await create('m1', '/manifest'), ['OK']);
  assert.is((await stored(controller, 'm1')).deploymentManifest, 'kind: Fetched');
  assert.equal(await create('m2', '/none'), [
    `cannot get manifest from ${url}/none, bad response from remote manifest 503`,
  ]);
  assert.equal(await create('m3', '/big'), [
    `cannot get manifest from ${url}/big, the answer is larger than 524288 bytes`,
  ]);
});

apps('local addresses are not fetched from by default', async ({ url }) => {
  const controller = await TestController.start();
  await prepare(controller);
  const why = '127.0.0.1 is local (loopback) and fetched from only with --allow-local-fetch';
  for (const [change, text] of [
    [{ deploymentManifest: `${url}/manifest` }, `cannot get manifest from ${url}/manifest, ${why}`],
    [{ config: `${url}/config` }, `cannot get config from ${url}/config, ${why}`],
    [{ configs: [{ kind: 'x', config: `${url}/c` }] }, `cannot get config from ${url}/c, ${why}`],
    [{ deploymentGenerator: `${url}/generate` }, `post ${url}/generate failed, ${why}`],
  ] as const) {
    assert.equal(await controller.run('create', 'App', app('local', change)), [text]);
  }
  await controller.stop();
});

apps('a manifest of one’s own is never lost to a generator', async ({ controller, url }) => {
  const pair = async (name: string) => {
    const { deploymentManifest, deploymentGenerator } = await stored(controller, name);
    return [deploymentManifest, deploymentGenerator];
  };
  const both = { deploymentManifest: 'kind: Own', deploymentGenerator: `${url}/generate` };
  assert.equal(await controller.run('create', 'App', app('g1', both)), ['OK']);
  assert.equal(await pair('g1'), ['kind: Own', '']);
  const generator = { fields: ['17'], deploymentGenerator: `${url}/generate` };
  assert.equal(await controller.run('update', 'App', app('g1', generator)), ['OK']);
  assert.equal(await pair('g1'), ['kind: Generated', `${url}/generate`]);
  assert.equal(await controller.run('update', 'App', app('g1', { ...both, fields: ['16'] })), ['OK']);
  assert.equal(await pair('g1'), ['kind: Own', '']);
  assert.equal(await controller.run('update', 'App', app('g1', { ...both, fields: ['16', '17'] })), ['OK']);
  assert.equal(await pair('g1'), ['kind: Own', '']);
  // Taken away, the manifest is made by default again.
  assert.equal(await controller.run('update', 'App', app('g1', { fields: ['16'] })), ['OK']);
  assert.is((await pair('g1'))[1], 'kubernetes-basic');
});

/** Updates of App `web`, each with what a create of the same is refused with. */
const REFUSED: readonly (readonly [string[], object, string])[] = [
  [['7'], { accessPorts: 'tcp' }, 'Invalid Access Ports format, expected proto:port but was tcp'],
  [['7'], { accessPorts: 'tcp:0' }, 'Port 0 out of range'],
  [['5'], { imageType: 44 }, 'invalid ImageType'],
  [['20'], { delOpt: 9 }, 'invalid DelOpt'],
  [['12'], { authPublicKey: 'x' }, 'failed to parse public key: ssh: no key found\n'],
  [['15'], { deployment: 'foo' }, 'invalid deployment, must be one of [kubernetes vm helm docker]'],
  [['15'], { deployment: 'vm' }, 'deployment is not valid for image type'],
  [['5', '15', '4', '16', '17'], { imageType: 2 }, 'imagepath is required for imagetype IMAGE_TYPE_QCOW'],
  [['5', '15', '16', '17'], { imageType: 0 }, 'unknown image type IMAGE_TYPE_UNKNOWN'],
  [
    ['4', '5', '15', '16', '17'],
    { imageType: 2, imagePath: 'x', deployment: 'vm', deploymentManifest: 'x' },
    "invalid deploymentment manifest only cloud-init script support, must start with '#cloud-config'",
  ],
  [
    ['4', '5', '13', '15', '16', '17'],
    { imageType: 2, imagePath: 'x', deployment: 'vm', deploymentManifest: '#cloud-config', command: 'x' },
    'invalid deploymentment manifest both deploymentmanifest and command cannot be used together for VM based deployment',
  ],
  [['17'], { deploymentGenerator: 'magic' }, 'invalid deployment generator magic'],
  [
    ['16'],
    { deploymentManifest: '---' },
    'invalid deployment manifest, it has no YAML document with content',
  ],
  [['8'], { config: '- a' }, 'cannot unmarshal json/yaml config str, err expected a mapping, config `- a`'],
  [['9.1'], { defaultFlavor: { name: '' } }, 'Specified flavor not found'],
  [['9.1'], { defaultFlavor: { name: 'nosuch' } }, 'Specified flavor not found'],
  [['18'], { androidPackageName: 'com.taken' }, 'AndroidPackageName: com.taken in use by another app'],
];

apps(
  'an update is refused for all that a create is refused for, and changes nothing',
  async ({ controller }) => {
    const owner = app('owner', { androidPackageName: 'com.taken' });
    assert.equal(await controller.run('create', 'App', owner), ['OK']);
    const next = { ...owner, key: { ...appKey('owner'), version: '2.0' } };
    assert.equal(await controller.run('create', 'App', next), ['OK'], 'versions of an App share its package');
    assert.equal(await controller.run('create', 'App', app('strict')), ['OK']);
    const before = await stored(controller, 'strict');
    for (const [fields, change, text] of REFUSED) {
      const rest = { imagePath: '', ...change };
      assert.equal(await controller.run('update', 'App', app('strict', { ...rest, fields })), [text]);
      assert.equal(await controller.run('create', 'App', app('other', rest)), [text]);
    }
    assert.equal(await stored(controller, 'strict'), before);
    assert.equal(await controller.run('update', 'App', app('nosuch', { fields: ['13'] })), ['Key not found']);
  },
);

apps('a fetch holds up no transaction; what changed meanwhile is kept', async () => {
  let meanwhile = async () => {};
  let fetches = 0;
  const fetcher = {
    get: async () => {
      fetches++;
      await meanwhile();
      return 'kind: Fetched';
    },
    post: () => Promise.reject(new Error('not asked')),
  };
  const controller = await TestController.start({ fetcher });
  try {
    await prepare(controller);
    meanwhile = async () => {
      meanwhile = async () => {};
      const other = app('web', { fields: ['13'], command: 'meanwhile' });
      assert.equal(await controller.run('update', 'App', other), ['OK']);
    };
    const update = app('web', { fields: ['16'], deploymentManifest: 'https://h/m' });
    assert.equal(await controller.run('update', 'App', update), ['OK']);
    const after = await stored(controller);
    assert.equal([after.deploymentManifest, after.command, fetches], ['kind: Fetched', 'meanwhile', 2]);
    meanwhile = async () => {
      assert.equal(await controller.run('delete', 'App', app('web')), ['OK']);
    };
    assert.equal(await controller.run('update', 'App', update), ['Key not found']);
  } finally {
    await controller.stop();
  }
});

apps('of Apps that want a package at the same time, on several controllers, one gets it', async () => {
  const store = new MemoryStore();
  const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
  // All are at the same point when the last one is there.
  const all = deferred<string>();
  let arrived = 0;
  const get = () => {
    if (++arrived === names.length) all.resolve('kind: Fetched');
    return all.promise;
  };
  const fetcher = { get, post: get };
  const controllers = await Promise.all(
    [1, 2, 3].map(() => TestController.start({ store: store.connect(), fetcher })),
  );
  try {
    const [first] = controllers;
    if (!first) throw new Error('no controller');
    await prepare(first);
    const wanted = { androidPackageName: 'com.wanted', deploymentManifest: 'http://h/m' };
    const outcomes = await Promise.all(
      names.map((name, i) => controllers[i % 3]?.run('create', 'App', app(name, wanted))),
    );
    assert.is(outcomes.filter((outcome) => outcome?.join() === 'OK').length, 1, outcomes.join('; '));
  } finally {
    await Promise.all(controllers.map((controller) => controller.stop()));
    await store.close();
  }
});

apps('instances stay as they are when their App changes', async ({ controller }) => {
  assert.equal(await controller.run('create', 'App', app('running')), ['OK']);
  const clusterInstKey = {
    clusterKey: { name: 'c' },
    cloudletKey: { operatorKey: { name: 'developer' }, name: 'default' },
    developer: 'dev',
  };
  const inst = { key: { appKey: appKey('running'), clusterInstKey }, uri: 'somewhere.example' };
  assert.is((await controller.run('create', 'AppInst', inst)).at(-1), 'OK');
  const before = await controller.show('AppInst');
  assert.equal(
    before.flatMap(({ mappedPorts }) => mappedPorts.map((p) => p.internalPort)),
    [80],
  );
  const update = app('running', { fields: ['7'], accessPorts: 'tcp:81' });
  assert.equal(await controller.run('update', 'App', update), ['OK']);
  assert.equal(await controller.show('AppInst'), before);
});

apps('concurrent updates of different fields are both kept', async ({ controller }) => {
  const outcomes = await Promise.all([
    controller.run('update', 'App', app('m1', { fields: ['13'], command: 'c' })),
    controller.run('update', 'App', app('m1', { fields: ['14'], annotations: 'a' })),
    controller.run('update', 'App', app('m1', { fields: ['11'], appTemplate: 't' })),
  ]);
  assert.equal(outcomes, [['OK'], ['OK'], ['OK']]);
  const after = await stored(controller, 'm1');
  assert.equal([after.command, after.annotations, after.appTemplate], ['c', 'a', 't']);
});

apps('show: sorted by key, filtered by what is set', async ({ controller }) => {
  for (const name of ['zz', 'aa']) await controller.run('create', 'Flavor', flavor(name, 7n));
  const names = async (filter: object) => (await controller.show('Flavor', filter)).map((f) => f.key?.name);
  assert.equal(await names({}), ['aa', 'small', 'zz']);
  assert.equal(await names({ ram: 7n }), ['aa', 'zz']);
  assert.equal(await names({ key: { name: 'zz' } }), ['zz']);
});

apps('an App is deleted by a controller that has not heard of it yet', async () => {
  const store = new MemoryStore();
  const late = store.connect();
  const watch = late.watch.bind(late);
  const gate = deferred<void>();
  late.watch = async function* (...args) {
    for await (const batch of watch(...args)) {
      if (batch.events.length > 0) await gate.promise;
      yield batch;
    }
  };
  const first = await TestController.start({ store });
  const second = await TestController.start({ store: late });
  try {
    await prepare(first);
    assert.equal(await second.run('delete', 'App', app()), ['OK']);
    assert.equal(await second.run('delete', 'App', app()), ['Key not found']);
  } finally {
    gate.resolve();
    await second.stop();
    await first.stop();
    await late.close();
    await store.close();
  }
});

apps.run();
