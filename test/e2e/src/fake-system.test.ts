// test: timeout=180s
/** Controller, match engine and a fake agent as real processes, driven by edgectl as a user drives it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandResult,
  eventually,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  startDme,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

interface Context {
  dir: ReturnType<typeof tempDir>;
  controller: Running;
  dme: Running;
  agent: Running;
}

const SETUP = `
flavors:
  - { key: { name: x1.small }, ram: 1024, vcpus: 1, disk: 10 }
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_type: ImageTypeDocker
    access_ports: tcp:80,udp:2000
    default_flavor: { name: x1.small }
  - key: { developer_key: { name: dev }, name: broken, version: "1.0" }
    image_type: ImageTypeDocker
    access_ports: tcp:90
    default_flavor: { name: x1.small }
    annotations: fake.create=fail:no luck today
`;

const system = suite<Context>('fake system');

system.before(async (context) => {
  context.dir = tempDir('fake');
  const dir = context.dir.path;
  context.controller = await startController(dir, `lmdb:${join(dir, 'store')}`);
  const notify = context.controller.addresses['notify'] ?? '';
  [context.agent, context.dme] = await Promise.all([
    startAgent(dir, notify, { operator: 'op', name: 'site' }, ['--platform', 'fakecloudlet']),
    startDme(dir, notify),
  ]);
});

system.after(async (context) => {
  for (const process of [context.agent, context.dme, context.controller]) {
    const status = await process.stop();
    assert.equal(status, { code: 0, signal: null }, `${process.name} did not stop cleanly`);
  }
  context.dir.remove();
});

function edgectl(context: Context, ...args: string[]): Promise<CommandResult> {
  const api = context.controller.addresses['api'] ?? '';
  return runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, ...args], { cwd: context.dir.path });
}

const KEY = ['--key-appkey-developerkey-name', 'dev', '--key-appkey-version', '1.0'];
const ON_SITE = [
  ...[
    '--key-clusterinstkey-cloudletkey-operatorkey-name',
    'op',
    '--key-clusterinstkey-cloudletkey-name',
    'site',
  ],
  ...['--key-clusterinstkey-developer', 'dev'],
];

system('the agent is known, with the limits and flavor of its platform', async (context) => {
  await eventually('cloudlet ready', async () => {
    const shown = await edgectl(context, '--output-format', 'json', 'controller', 'ShowCloudletInfo');
    return shown.stdout.includes('CloudletStateReady') && shown.stdout.includes('flavor1');
  });
});

system('create -f makes everything a file names', async (context) => {
  const file = join(context.dir.path, 'setup.yaml');
  writeFileSync(file, SETUP);
  const made = await edgectl(context, 'controller', 'create', '-f', file);
  assert.is(made.code, 0, made.stderr);
  const again = await edgectl(context, 'controller', 'create', '-f', file);
  assert.is(again.code, 1);
  assert.match(again.stderr, /Key already exists/);
});

system('an AppInst with an auto-cluster streams its states and becomes Ready', async (context) => {
  const made = await edgectl(
    context,
    ...['controller', 'CreateAppInst', ...KEY, '--key-appkey-name', 'web', ...ON_SITE],
    ...['--key-clusterinstkey-clusterkey-name', 'autoclusterweb'],
  );
  assert.is(made.code, 0, made.stderr);
  const states = made.stdout.match(/Creating|Ready|Created successfully/g);
  assert.equal(states, [
    'Creating',
    'Ready',
    'Created successfully',
    'Creating',
    'Ready',
    'Created successfully',
  ]);
});

system('a client registers and finds it, with ports', async (context) => {
  const dme = ['--addr', context.dme.addresses['api'] ?? '', '--output-format', 'json', 'dme'];
  const run = (...args: string[]) =>
    runCommand(join(ROOT, 'bin/edgectl'), [...dme, ...args], { cwd: context.dir.path });
  const found = await eventually('the match engine knows the instance', async () => {
    const session = await run('registerclient', '--devname', 'dev', '--appname', 'web', '--appvers', '1.0');
    const cookie = (JSON.parse(session.stdout) as { session_cookie: string }).session_cookie;
    const where = ['--gpslocation-latitude', '48.1', '--gpslocation-longitude', '11.2'];
    const reply = await run('findcloudlet', '--sessioncookie', cookie, '--carriername', 'op', ...where);
    return reply.stdout.includes('FindFound') ? reply.stdout : '';
  });
  const reply = JSON.parse(found) as { fqdn: string; ports: { proto: string; public_port: number }[] };
  assert.is(reply.fqdn, 'site.op.edge.internal');
  assert.equal(
    reply.ports.map((p) => [p.proto, p.public_port]),
    [
      ['LProtoTcp', 80],
      ['LProtoUdp', 2000],
    ],
  );
});

system('a failed create is undone and says what the agent said', async (context) => {
  const failed = await edgectl(
    context,
    ...['controller', 'CreateAppInst', ...KEY, '--key-appkey-name', 'broken', ...ON_SITE],
    ...['--key-clusterinstkey-clusterkey-name', 'autoclusterweb'],
  );
  assert.is(failed.code, 1);
  assert.match(failed.stderr, /Encountered failures: Create App Inst failed: no luck today/);
  assert.match(failed.stdout, /CreateError[\s\S]*DELETING AppInst due to failure/);
  const shown = await edgectl(context, 'controller', 'ShowAppInst', '--key-appkey-name', 'broken');
  assert.is(shown.stdout, '');
  const refs = await edgectl(context, '--output-format', 'json', 'controller', 'ShowCloudletRefs');
  assert.not.match(refs.stdout, '"90"');
});

system('deleting the last instance deletes its auto-cluster', async (context) => {
  const gone = await edgectl(
    context,
    ...['controller', 'DeleteAppInst', ...KEY, '--key-appkey-name', 'web', ...ON_SITE],
    ...['--key-clusterinstkey-clusterkey-name', 'autoclusterweb'],
  );
  assert.is(gone.code, 0, gone.stderr);
  const lines = gone.stdout.match(
    /Deleting\b|NotPresent|Deleted \w+ successfully|DELETING auto-cluster inst/g,
  );
  assert.equal(lines, [
    ...['Deleting', 'NotPresent', 'Deleted AppInst successfully', 'DELETING auto-cluster inst'],
    ...['Deleting', 'NotPresent', 'Deleted ClusterInst successfully'],
  ]);
  for (const show of ['ShowAppInst', 'ShowClusterInst']) {
    assert.is((await edgectl(context, 'controller', show)).stdout, '', show);
  }
});

system.run();
