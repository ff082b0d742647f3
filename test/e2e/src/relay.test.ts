// test: timeout=240s
/**
 * Two relays, one under the other, between a controller and two agents, all with certificates that say who they are; each of
 * the relays is killed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandResult,
  eventually,
  freePort,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  startRelay,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const SITES = ['north', 'south'] as const;
const SETUP = `
flavors:
  - { key: { name: x1.small }, ram: 1024, vcpus: 1, disk: 10 }
cloudlets:
${SITES.map(
  (name) => `  - key: { operator_key: { name: op }, name: ${name} }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
`,
).join('')}apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_type: ImageTypeDocker
    access_ports: tcp:80,udp:2000
    default_flavor: { name: x1.small }
`;

const dir = tempDir('relay');
let api = '';
let notify = '';
const running = new Map<string, Running>();
const address: Record<'upper' | 'lower', string> = { upper: '', lower: '' };

const edgectl = (...args: string[]): Promise<CommandResult> =>
  runCommand(
    join(ROOT, 'bin/edgectl'),
    ['--addr', api, ...tls('admin'), '--output-format', 'json', 'controller', ...args],
    { timeoutMs: 60_000 },
  );

const tls = (name: string) => ['--tls', join(dir.path, 'certs', `${name}.crt`)];
const CHECKED = ['--notify-identity', 'required'];

async function certificate(name: string, ...identities: string[]): Promise<void> {
  const args = [join(dir.path, 'certs'), name, 'platform', 'IP:127.0.0.1', ...identities];
  const { code, stderr } = await runCommand(join(ROOT, 'deploy/make-certs.sh'), args, { cwd: dir.path });
  assert.is(code, 0, stderr);
}

function agent(site: string, above: string, version: number, name = site): Promise<Running> {
  return startAgent(dir.path, above, { operator: 'op', name: site }, [
    ...['--platform', 'fakecloudlet', '--metrics-interval', '1s', '--notify-version', String(version)],
    ...tls(name),
  ]);
}

async function ok(...args: string[]): Promise<string> {
  const done = await edgectl(...args);
  assert.is(done.code, 0, `${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

/** Flags that name the instance on a site, by the key of an object that it is in. */
const on = (site: string, member = 'key') => [
  ...[`--${member}-appkey-developerkey-name`, 'dev', `--${member}-appkey-name`, 'web'],
  ...[`--${member}-appkey-version`, '1.0', `--${member}-clusterinstkey-developer`, 'dev'],
  ...[`--${member}-clusterinstkey-cloudletkey-operatorkey-name`, 'op'],
  ...[`--${member}-clusterinstkey-cloudletkey-name`, site],
  ...[`--${member}-clusterinstkey-clusterkey-name`, 'autoclusterweb'],
];

async function relay(name: 'upper' | 'lower'): Promise<void> {
  // Who has lost what is above it goes past it.
  const above = name === 'upper' ? notify : `${address.upper},${notify}`;
  running.set(name, await startRelay(dir.path, name, address[name], above, [...tls(name), ...CHECKED]));
}

async function killed(name: 'upper' | 'lower'): Promise<void> {
  const process = running.get(name);
  process?.kill('SIGKILL');
  await process?.exited;
}

const ready = (count: number) =>
  eventually(
    `${count} sites are ready`,
    async () => ((await ok('ShowCloudletInfo')).match(/CloudletStateReady/g) ?? []).length === count,
    60_000,
  );

/** Creates and deletes an instance on each site, with a command and measurements in between. */
async function everythingWorks(): Promise<void> {
  await ready(2);
  await Promise.all(SITES.map((site) => ok('CreateAppInst', ...on(site))));
  for (const site of SITES) {
    await eventually('a command', async () => {
      const said = await edgectl('RunCommand', ...on(site, 'appinstkey'), '--command', `echo here ${site}`);
      return said.code === 0 && said.stdout.includes(`here ${site}`);
    });
    await eventually('measurements', async () =>
      (await ok('ShowAppInstMetrics', '--key-clusterinstkey-cloudletkey-name', site)).includes('web'),
    );
  }
  await Promise.all(SITES.map((site) => ok('DeleteAppInst', ...on(site))));
  assert.not.match(await ok('ShowAppInst'), /web/);
  assert.not.match(await ok('ShowClusterInst'), /autoclusterweb/);
}

test.before(async () => {
  for (const name of ['admin', 'controller']) await certificate(name);
  for (const name of ['upper', 'lower']) await certificate(name, `1/relay/${name}`);
  for (const site of SITES) await certificate(site, `1/crm/op/${site}`);
  const controller = await startController(dir.path, 'memory', [...tls('controller'), ...CHECKED]);
  running.set('controller', controller);
  api = controller.addresses['api'] ?? '';
  notify = controller.addresses['notify'] ?? '';
  address.upper = `127.0.0.1:${await freePort()}`;
  address.lower = `127.0.0.1:${await freePort()}`;
  await relay('upper');
  await relay('lower');
  // One of either version.
  for (const [at, site] of SITES.entries())
    running.set(site, await agent(site, `${address.lower},${address.upper}`, at + 1));
  const file = join(dir.path, 'setup.yaml');
  writeFileSync(file, SETUP);
  await ok('create', '-f', file);
});

test.after(async () => {
  for (const name of [...SITES, 'lower', 'upper', 'controller']) {
    const process = running.get(name);
    assert.equal(await process?.stop(), { code: 0, signal: null }, `${name} did not stop cleanly`);
  }
  dir.remove();
});

test('instances, commands and measurements go through relays, which are Nodes', async () => {
  await everythingWorks();
  const nodes = await ok('ShowNode');
  assert.is((nodes.match(/NodeRelay/g) ?? []).length, 2, nodes);
  assert.is((nodes.match(/NodeCrm/gi) ?? []).length, 2, nodes);
});

for (const name of ['lower', 'upper'] as const) {
  test(`the ${name} relay is killed, and comes back`, async () => {
    await killed(name);
    await everythingWorks();
    await relay(name);
    const nodes = async () => ((await ok('ShowNode')).match(/NodeRelay/g) ?? []).length;
    await eventually('two relays are known, and no more', async () => (await nodes()) === 2, 60_000);
  });
}

test('an agent that is killed behind a relay goes offline, as anywhere', async () => {
  const [site] = SITES;
  running.get(site)?.kill('SIGKILL');
  await eventually(
    'offline',
    async () => (await ok('ShowCloudletInfo')).includes('CloudletStateOffline'),
    60_000,
  );
  // Its certificate does not do for another's site.
  const wrong = await agent(site, address.lower, 2, SITES[1]);
  await eventually('it is refused, and told so', () =>
    /speaks for cloudlet .*south.*, and may not ask for .*north/.test(wrong.tail().join('\n')),
  );
  await wrong.stop();
  running.set(site, await agent(site, address.lower, 2));
  await ready(2);
});

test.run();
