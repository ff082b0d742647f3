/** Apps over gRPC: what an update changes, what it regenerates, and what it fetches. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { app, appKey, flavor, prepare } from './testing-data.js';

const apps = suite<{ controller: TestController; server: Server; url: string }>('apps');

apps.before(async (context) => {
  context.controller = await TestController.start();
  await prepare(context.controller);
  context.server = createServer((request, response) => {
    if (request.url === '/big') response.end('x'.repeat(1_000_000));
    else if (request.url === '/manifest') response.end('kind: Fetched');
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

apps.run();
