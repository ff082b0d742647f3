// test: timeout=420s serial
/**
 * A cloudlet whose machines are microVMs on a flintlock host, which here is another agent's API over TLS, with real QEMU: a docker
 * App is made a microVM of its image, while the agent that asks for it is killed, and deleted without a trace.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import {
  eventually,
  freePort,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  ROOT,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { archiveImage } from './image-archive.js';
import { builtImage, containerImage, INSTANCE_ARGS } from './site.js';

const KERNEL = 'localhost/edgeplane/kernel:1.0';
/** What the init of our guests reads from its seed. */
const SCRIPT = `hostname=$(sed -n 's/^local-hostname: //p' /seed/meta-data 2>/dev/null)
instance=$(sed -n 's/^instance-id: //p' /seed/meta-data 2>/dev/null)
user=
program() {
  /.edgeplane/busybox sed -n 's/^instance-id: /runs as /p' /.edgeplane/metadata
  exec /.edgeplane/busybox sleep 3600
}
`;
const WORDS = {
  ...{ rdinit: '/init', quiet: '', 'net.ifnames': '0', nokaslr: '', mitigations: 'off', audit: '0' },
  ...{ no_timer_check: '', 'cryptomgr.notests': '', 'random.trust_cpu': 'on' },
};
const SITE_YAML = `
flavors:
  - { key: { name: x1.small }, ram: 1024, vcpus: 1, disk: 1 }
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_path: localhost/edgeplane/hello:1.0
    image_type: ImageTypeDocker
    deployment: docker
    deployment_manifest: ${JSON.stringify(SCRIPT)}
    default_flavor: { name: x1.small }
`;

const CLUSTER = [
  ...['--key-clusterkey-name', 'c1', '--key-developer', 'dev', '--key-cloudletkey-operatorkey-name', 'op'],
  ...['--key-cloudletkey-name', 'site'],
];

test('a docker App on a flintlock host that is another agent', async () => {
  const before = await hostSnapshot('/tmp/ep-remote-microvm');
  const dir = tempDir('remote-microvm');
  const images = join(dir.path, 'images');
  mkdirSync(images);
  await containerImage(images);
  await archiveImage(await builtImage('microvm/build.sh'), KERNEL, images, dir.path);
  const ca = makeTestCa(dir.path, 'ca').cert;
  const server = makeTestCertificate(dir.path, 'server', 'ca');
  const client = makeTestCertificate(dir.path, 'client', 'ca', 'DNS:site');
  const address = `127.0.0.1:${await freePort()}`;
  const hostsFile = join(dir.path, 'hosts.yaml');
  const hosts = [{ address, ca, cert: client.cert, key: client.key }];
  const kernel = { image: KERNEL, filename: 'vmlinuz', cmdline: WORDS };
  writeFileSync(hostsFile, JSON.stringify({ kernel, initrd: { image: KERNEL, filename: 'initrd' }, hosts }));
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  const host = await startAgent(dir.path, '127.0.0.1:1', { operator: 'op', name: 'host' }, [
    ...['--platform', 'fakecloudlet', '--image-dir', images, '--on-stop', 'stop'],
    ...['--flintlock-addr', address, '--flintlock-cert', server.cert, '--flintlock-key', server.key],
    ...['--flintlock-client-ca', ca, '--flintlock-delete-timeout', '20s'],
  ]);
  const startSite = () =>
    startAgent(dir.path, notify, { operator: 'op', name: 'site' }, [
      ...['--platform', 'remote-microvm', '--remote-microvm-hosts', hostsFile],
    ]);
  let site = await startSite();
  const edgectl = (args: string[], input?: string) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', 'controller', ...args], {
      timeoutMs: 300_000,
      ...(input === undefined ? {} : { input }),
    });
  const done = async (...args: string[]) => {
    const { code, stderr, stdout } = await edgectl(args);
    assert.is(code, 0, `${args[0]}: ${stderr}${stdout}`);
  };
  const shown = async () => (await edgectl(['ShowAppInst', '--key-appkey-name', 'web'])).stdout;
  const machines = join(dir.path, 'agent-host/southbound/flintlock/machines/vms');
  let failure: unknown;
  try {
    await eventually('the site is ready', async () =>
      (await edgectl(['ShowCloudletInfo'])).stdout.includes('CloudletStateReady'),
    );
    const made = await edgectl(['create', '-f', '-'], SITE_YAML);
    assert.is(made.code, 0, made.stderr);
    await done('CreateClusterInst', ...CLUSTER, '--deployment', 'docker', '--flavor-name', 'x1.small');
    const create = done('CreateAppInst', ...INSTANCE_ARGS);
    create.catch(() => undefined);
    await eventually('it is asked for', async () => (await shown()).includes('"state"'));
    site.kill('SIGKILL');
    await site.exited;
    site = await startSite();
    await create;
    assert.is(readdirSync(machines).length, 1);
    const console = () => readFileSync(join(machines, readdirSync(machines)[0] ?? '', 'console.log'), 'utf8');
    const found = await eventually(
      'the program runs',
      async () => /runs as (ep-[0-9a-f]{12})/.exec(console())?.[1],
      180_000,
    );
    assert.match(console(), `edgeplane: instance-id: ${found}`);
    assert.match(console(), /edgeplane: hostname: web-[0-9a-f]{12}/);
    await done('DeleteAppInst', ...INSTANCE_ARGS);
    assert.equal(readdirSync(machines), []);
    await done('DeleteClusterInst', ...CLUSTER);
    assert.equal(readdirSync(join(dir.path, 'agent-site/remote-microvm/machines')), []);
  } catch (error) {
    failure = error;
  } finally {
    await site.stop(60_000);
    await host.stop(60_000);
    await controller.stop();
  }
  assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
});

test.run();
