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
    if (url.endsWith('/env')) return '- { name: A, value: 007 }';
    return url.endsWith('/config') ? 'resources: big' : 'kind: Fetched';
  },
  async post(url, body) {
    if (url.endsWith('/404')) throw new HttpStatusError(404, 'Not Found');
    if (url.endsWith('/down')) throw new Error('connection refused');
    posts.push(body);
    return url.endsWith('/bad') ? '<html>: [' : 'kind: Generated';
  },
};

async function fill(changes: Partial<App>): Promise<App> {
  const key = { developerKey: { name: 'Acme Co' }, name: 'My_App', version: '1.0!' };
  const app = { ...OBJECTS.App.withKey(key), imageType: 1 as const, ...changes };
  const given = { manifest: app.deploymentManifest !== '', generator: app.deploymentGenerator !== '' };
  return fillInApp(checkApp(app), given, { fetcher, imageRegistry: 'registry.example' });
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
  assert.match(
    await refusal({ config: 'a: [' }),
    /^cannot unmarshal json\/yaml config str, err .* at line 1, column 5, config `a: \[`$/,
  );
});

test('manifests: generated, own, fetched', async () => {
  const generated = await fill({ accessPorts: 'tcp:80' });
  assert.is(generated.deploymentGenerator, 'kubernetes-basic');
  assert.match(generated.deploymentManifest, /kind: Deployment/);
  const own = await fill({ deploymentManifest: 'kind: X' });
  assert.equal([own.deploymentGenerator, own.deploymentManifest], ['', 'kind: X']);
  assert.is((await fill({ deploymentManifest: 'https://h/m' })).deploymentManifest, 'kind: Fetched');
  assert.is(
    await refusal({ deploymentManifest: 'http://h/down' }),
    'cannot get manifest from http://h/down, connection refused',
  );
  assert.is((await fill({ deployment: 'docker' })).deploymentManifest, '');
});

test('remote generators', async () => {
  const app = await fill({ deploymentGenerator: 'http://h/gen', accessPorts: 'tcp:80', command: 'c' });
  assert.equal([app.deploymentGenerator, app.deploymentManifest], ['http://h/gen', 'kind: Generated']);
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

test('a manifest that is given counts; the generator is recorded only for its own work', async () => {
  const mine = { deploymentManifest: 'kind: Mine', deploymentGenerator: 'kubernetes-basic' };
  const both = await fill(mine);
  assert.equal([both.deploymentManifest, both.deploymentGenerator], ['kind: Mine', '']);
  const { deploymentManifest } = await fill({ accessPorts: 'tcp:80' });
  const restored = await fill({ ...mine, deploymentManifest, accessPorts: 'tcp:80' });
  assert.equal(
    [restored.deploymentManifest, restored.deploymentGenerator],
    [deploymentManifest, 'kubernetes-basic'],
  );
  const remote = await fill({ deploymentManifest: 'kind: Generated\n', deploymentGenerator: 'http://h/gen' });
  assert.equal([remote.deploymentManifest, remote.deploymentGenerator], ['kind: Generated', 'http://h/gen']);
  const fetched = await fill({ deploymentManifest: 'http://h/m', deploymentGenerator: 'kubernetes-basic' });
  assert.equal([fetched.deploymentManifest, fetched.deploymentGenerator], ['kind: Fetched', '']);
});

test('manifests that are none are refused, with the document and the fault', async () => {
  assert.is(
    await refusal({ deploymentManifest: 'kind: A\n---\nkind: [' }),
    'invalid deployment manifest, document 2: Flow sequence in block collection must be sufficiently indented and end with a ] at line 3, column 8',
  );
  assert.match(
    await refusal({ deploymentManifest: 'kind: A\n---\n- a\nb: c\n---\nkind: C' }),
    /^invalid deployment manifest, document 2: .* at line \d+, column \d+$/,
  );
  const bomb = `a: &a [1]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]`;
  assert.match(
    await refusal({ deploymentManifest: bomb }),
    /^invalid deployment manifest, document 1: .*alias/,
  );
  for (const deploymentManifest of ['# nothing', '---\n---\n', ' \n']) {
    assert.is(
      await refusal({ deploymentManifest }),
      'invalid deployment manifest, it has no YAML document with content',
    );
  }
  assert.match(
    await refusal({ deploymentGenerator: 'http://h/bad' }),
    /^invalid deployment manifest, document 1: /,
  );
  // Only Kubernetes reads it as YAML.
  assert.is((await fill({ deployment: 'docker', deploymentManifest: 'a: [' })).deploymentManifest, 'a: [');
});

test('configuration files: fetched, checked by their kind, carried', async () => {
  const files = async (...configs: App['configs']) => (await fill({ configs })).configs.map((c) => c.config);
  assert.equal(
    await files(
      { kind: 'envVarsYaml', config: 'http://h/env' },
      { kind: 'envVarsYaml', config: '[{ name: B, valueFrom: { fieldRef: { fieldPath: x } } }]' },
      { kind: 'k8s-manifest', config: 'kind: ConfigMap' },
      { kind: 'helm-values', config: '' },
      { kind: 'hemlCustomizationYaml', config: 'a: 1' },
      { kind: 'constructor', config: 'anything: [' },
    ),
    [
      '- { name: A, value: 007 }',
      '[{ name: B, valueFrom: { fieldRef: { fieldPath: x } } }]',
      ...['kind: ConfigMap', '', 'a: 1', 'anything: ['],
    ],
  );
  const bad = (kind: string, config: string) =>
    refusal({
      configs: [
        { kind: 'x', config: '' },
        { kind, config },
      ],
    });
  assert.is(await bad('envVarsYaml', 'a: b'), 'configs[1] of kind envVarsYaml: must be a list of variables');
  assert.is(await bad('envVarsYaml', '- a'), 'configs[1] of kind envVarsYaml: variable 1 must have a name');
  assert.is(
    await bad('envVarsYaml', '[{ name: A, value: [] }]'),
    'configs[1] of kind envVarsYaml: the value of variable A must be a text',
  );
  assert.match(await bad('envVarsYaml', '- ['), /^configs\[1\] of kind envVarsYaml: must be YAML: /);
  assert.match(
    await bad('k8s-manifest', 'a: ['),
    /^configs\[1\] of kind k8s-manifest: invalid .* document 1/,
  );
  assert.is(await bad('helm-values', '- a'), 'configs[1] of kind helm-values: must be a YAML mapping');
  assert.is(
    await bad('other', 'http://me:secret@h/404'),
    'cannot get config from http://me:***@h/404, bad response from remote manifest 404',
  );
  const many = Array.from({ length: 17 }, () => ({ kind: 'x', config: 'http://h/config' }));
  assert.is(await refusal({ configs: many }), 'configs: at most 16 may be URLs, but 17 are');
});

test('a remote generator is told the configuration that is meant for it', async () => {
  posts.length = 0;
  await fill({
    deploymentGenerator: 'http://h/gen',
    configs: [
      { kind: 'deploygen-config', config: 'size: big' },
      { kind: 'envVarsYaml', config: '' },
    ],
  });
  assert.equal(
    posts.map((post) => [(post as { config: string }).config, (post as { ports: unknown }).ports]),
    [['size: big', null]],
  );
});

test.run();
