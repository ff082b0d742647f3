import { OBJECTS } from '@edgeplane/objects';
import type { App } from '@edgeplane/proto/edgeproto/app.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkApp } from './app-checks.js';
import { fillInApp } from './app-fill-in.js';
import { HttpStatusError, type TextFetcher } from './fetch-text.js';

const posts: unknown[] = [];
const fetcher: TextFetcher = {
  async get(url) {
    if (url.endsWith('/404')) throw new HttpStatusError(404, 'Not Found');
    if (url.endsWith('/down')) throw new Error('connection refused');
    return url.endsWith('/config') ? 'resources: big' : '# fetched';
  },
  async post(url, body) {
    if (url.endsWith('/404')) throw new HttpStatusError(404, 'Not Found');
    if (url.endsWith('/down')) throw new Error('connection refused');
    posts.push(body);
    return '# generated';
  },
};

async function fill(changes: Partial<App>): Promise<App> {
  const key = { developerKey: { name: 'Acme Co' }, name: 'My_App', version: '1.0!' };
  const app = { ...OBJECTS.App.withKey(key), imageType: 1 as const, ...changes };
  return fillInApp(checkApp(app), { fetcher, imageRegistry: 'registry.example' });
}

async function refusal(changes: Partial<App>): Promise<string> {
  return fill(changes).then(
    () => 'OK',
    (error: Error) => error.message,
  );
}

test('image paths by default', async () => {
  assert.is((await fill({})).imagePath, 'registry.example/AcmeCo/images/My_App:1.0.');
  assert.is(
    (await fill({ imageType: 0, deployment: 'helm' })).imagePath,
    'registry.example/AcmeCo/images/My_App',
  );
  assert.is((await fill({ imagePath: 'own/image' })).imagePath, 'own/image');
  assert.is(await refusal({ imageType: 2 }), 'imagepath is required for imagetype IMAGE_TYPE_QCOW');
});

test('configurations, inline and fetched', async () => {
  assert.is((await fill({ config: 'resources: x' })).config, 'resources: x');
  assert.is((await fill({ config: '{"resources":"x"}' })).config, '{"resources":"x"}');
  assert.is((await fill({ config: 'http://h/config' })).config, 'resources: big');
  assert.is(
    await refusal({ config: 'http://h/404' }),
    'cannot get config from http://h/404, bad response from remote manifest 404',
  );
  assert.match(
    await refusal({ config: '- a' }),
    /^cannot unmarshal json\/yaml config str, err .*, config `- a`$/,
  );
  assert.match(await refusal({ config: 'a: [' }), /^cannot unmarshal json\/yaml config str, err /);
});

test('manifests: generated, own, fetched', async () => {
  const generated = await fill({ accessPorts: 'tcp:80' });
  assert.is(generated.deploymentGenerator, 'kubernetes-basic');
  assert.match(generated.deploymentManifest, /kind: Deployment/);
  const own = await fill({ deploymentManifest: 'kind: X' });
  assert.equal([own.deploymentGenerator, own.deploymentManifest], ['', 'kind: X']);
  assert.is((await fill({ deploymentManifest: 'https://h/m' })).deploymentManifest, '# fetched');
  assert.is(
    await refusal({ deploymentManifest: 'http://h/down' }),
    'cannot get manifest from http://h/down, connection refused',
  );
  assert.is((await fill({ deployment: 'docker' })).deploymentManifest, '');
});

test('remote generators', async () => {
  const app = await fill({ deploymentGenerator: 'http://h/gen', accessPorts: 'tcp:80', command: 'c' });
  assert.equal([app.deploymentGenerator, app.deploymentManifest], ['http://h/gen', '# generated']);
  assert.equal(posts, [
    {
      name: 'My_App',
      devname: 'Acme Co',
      version: '1.0!',
      imagepath: 'registry.example/AcmeCo/images/My_App:1.0.',
      imagetype: 'IMAGE_TYPE_DOCKER',
      command: 'c',
      config: '',
      annotations: '',
      ports: [{ Proto: 'tcp', Port: '80' }],
    },
  ]);
  assert.is(
    await refusal({ deploymentGenerator: 'http://h/404' }),
    'expected status ok (200) but got 404 Not Found',
  );
  assert.is(
    await refusal({ deploymentGenerator: 'http://h/down' }),
    'post http://h/down failed, connection refused',
  );
  assert.is(await refusal({ deploymentGenerator: 'magic' }), 'invalid deployment generator magic');
});

test.run();
