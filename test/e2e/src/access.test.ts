// test: timeout=120s
/** A controller with TLS and an access policy, and callers with different certificates. */
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { ROOT, type Running, runCommand, startController, tempDir } from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const POLICY = `
grants:
  - who: { organization: AcmeAppCo }
    allow:
      - { resource: ResourceApps, action: ActionManage, org: AcmeAppCo }
  - who: { common_name: watcher }
    allow:
      - { resource: "*", action: ActionView, org: "*" }
  - who: { common_name: admin, organization: platform }
    allow:
      - { resource: "*", action: ActionManage, org: "*" }
`;

interface Context {
  dir: ReturnType<typeof tempDir>;
  controller: Running;
}

const access = suite<Context>('access');

async function makeCert(dir: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await runCommand(join(ROOT, 'deploy/make-certs.sh'), [dir, ...args], { cwd: dir });
  assert.is(code, 0, stderr);
}

access.before(async (context) => {
  context.dir = tempDir('access');
  const dir = context.dir.path;
  await makeCert(dir, 'controller', 'platform', 'IP:127.0.0.1');
  for (const [name, org] of [
    ['dev', 'AcmeAppCo'],
    ['watcher', 'any'],
    ['admin', 'platform'],
    ['stranger', 'nowhere'],
  ] as const) {
    await makeCert(dir, name, org);
  }
  writeFileSync(join(dir, 'policy.yaml'), POLICY);
  const flags = ['--tls', join(dir, 'controller.crt'), '--access-policy', join(dir, 'policy.yaml')];
  context.controller = await startController(dir, 'memory', flags);
});
access.after(async ({ controller, dir }) => {
  await controller.stop();
  dir.remove();
});

/** The first line of what a call by `who` ends with. */
async function call({ controller, dir }: Context, who: string, ...args: string[]): Promise<string> {
  const tls = ['--addr', controller.addresses['api'] ?? '', '--tls', join(dir.path, `${who}.crt`)];
  const run = await runCommand(join(ROOT, 'bin/edgectl'), [...tls, 'controller', ...args], { cwd: dir.path });
  return run.code === 0 ? 'OK' : (run.stderr.split('\n')[0] ?? '');
}

const APP = (developer: string) => [
  ...['--key-developerkey-name', developer, '--key-name', 'web', '--key-version', '1'],
  ...['--imagetype', 'ImageTypeDocker', '--defaultflavor-name', 'small'],
];
const FLAVOR = ['--key-name', 'small', '--ram', '1', '--vcpus', '1', '--disk', '1'];

access('each caller may do what the policy grants, and is told what it lacks', async (context) => {
  assert.is(await call(context, 'admin', 'CreateFlavor', ...FLAVOR), 'OK');
  assert.is(await call(context, 'stranger', 'ShowFlavor'), 'OK', 'open to all');
  assert.is(
    await call(context, 'dev', 'CreateFlavor', ...FLAVOR),
    'Error: CreateFlavor failed: "dev" has no grant for ActionManage on ResourceFlavors',
  );
  assert.is(await call(context, 'dev', 'CreateApp', ...APP('AcmeAppCo')), 'OK');
  assert.is(
    await call(context, 'dev', 'CreateApp', ...APP('Other')),
    'Error: CreateApp failed: "dev" has no grant for ActionManage on ResourceApps of key.developer_key.name "Other"',
  );
  assert.is(await call(context, 'dev', 'ShowApp', '--key-developerkey-name', 'AcmeAppCo'), 'OK');
  assert.match(
    await call(context, 'dev', 'ShowApp'),
    /no grant for ActionView on ResourceApps of every organization; set key\.developer_key\.name to see those of one$/,
  );
  assert.is(await call(context, 'watcher', 'ShowApp'), 'OK');
  assert.is(await call(context, 'watcher', 'ShowController'), 'OK');
  assert.match(
    await call(context, 'watcher', 'DeleteApp', ...APP('AcmeAppCo')),
    /"watcher" has no grant for ActionManage/,
  );
  assert.match(
    await call(context, 'stranger', 'ShowNode'),
    /"stranger" has no grant for ActionView on ResourceSystem$/,
  );
  assert.is(await call(context, 'controller', 'ShowNodeLocal'), 'OK', 'controllers may do everything');
});

access(
  'callers over REST have no certificate: the gateway does not lend them its own',
  async ({ controller, dir }) => {
    const post = (path: string, body: string) =>
      new Promise<{ status: number; body: string }>((resolve, reject) => {
        const url = `https://${controller.addresses['http']}${path}`;
        const ca = readFileSync(join(dir.path, 'mex-ca.crt'));
        const call = request(url, { method: 'POST', ca }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        });
        call.on('error', reject);
        call.end(body);
      });
    const shown = await post('/show/flavor', '{}');
    assert.equal([shown.status, /"name": "small"/.test(shown.body)], [200, true], 'open to all');
    const refused = await post('/create/flavor', '{"key":{"name":"rest"},"ram":1,"vcpus":1,"disk":1}');
    assert.is(refused.status, 403);
    assert.match(
      refused.body,
      'a caller without a certificate has no grant for ActionManage on ResourceFlavors',
    );
  },
);

access('a policy without TLS, and one that is wrong, are refused', async ({ dir }) => {
  const start = (...flags: string[]) =>
    runCommand(join(ROOT, 'bin/controller'), ['--store', 'memory', '--apiAddr', '127.0.0.1:0', ...flags], {
      cwd: dir.path,
    });
  const plain = await start('--access-policy', join(dir.path, 'policy.yaml'));
  assert.equal([plain.code, /needs --tls/.test(plain.stderr)], [2, true]);
  const missing = await start('--tls', join(dir.path, 'controller.crt'), '--access-policy', 'nowhere.yaml');
  assert.is(missing.code, 2);
  assert.match(missing.stderr, /cannot read access policy nowhere\.yaml/);
});

access.run();
