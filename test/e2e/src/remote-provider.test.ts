// test: timeout=420s serial
/**
 * A cloudlet without a host of its own: its agent has a VirtRigaud provider make its machines, which here is another agent's
 * API over TLS, with real QEMU. A vm App comes up and serves through the first agent's load balancer, while either of the two
 * is killed; it is resized, and deleted without a trace at both.
 */
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { sleep, systemClock } from '@edgeplane/base';
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
import { buildImages } from './site.js';

const PUBLIC = '127.0.9.1';
const PROVIDER = { operator: 'op', name: 'provider' };
const SITE = { operator: 'op', name: 'site' };

const SITE_YAML = `
flavors:
  - { key: { name: x1.small }, ram: 192, vcpus: 1, disk: 1 }
  - { key: { name: x1.large }, ram: 256, vcpus: 2, disk: 1 }
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: vm, version: "1.0" }
    image_path: edgeplane-hello.qcow2
    image_type: ImageTypeQcow
    deployment: vm
    access_ports: tcp:8080,udp:8080
    default_flavor: { name: x1.small }
`;
const INSTANCE = [
  ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', 'vm', '--key-appkey-version', '1.0'],
  ...['--key-clusterinstkey-clusterkey-name', 'vm1', '--key-clusterinstkey-developer', 'dev'],
  ...['--key-clusterinstkey-cloudletkey-operatorkey-name', 'op'],
  ...['--key-clusterinstkey-cloudletkey-name', 'site'],
];

function page(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host: PUBLIC, port, path: '/', timeout: 5000, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      res.on('end', () => (res.statusCode === 200 ? resolve(text) : reject(new Error(text))));
    });
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', reject);
    req.end();
  });
}

function echo(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const cancel = systemClock.after(2000, () =>
      socket.close(() => reject(new Error('no datagram came back'))),
    );
    socket.on('message', (message) => {
      cancel();
      socket.close(() => resolve(message.toString().trim()));
    });
    socket.send('ping\n', port, PUBLIC);
  });
}

test('a vm App on a provider that is another agent', async () => {
  const before = await hostSnapshot('/tmp/ep-remote-provider');
  const dir = tempDir('remote-provider');
  const imageDir = await buildImages(dir.path);
  const ca = makeTestCa(dir.path, 'ca').cert;
  const server = makeTestCertificate(dir.path, 'server', 'ca', 'DNS:provider.example');
  const client = makeTestCertificate(dir.path, 'client', 'ca', 'DNS:site');
  const tokenFile = join(dir.path, 'token');
  writeFileSync(tokenFile, 's3cr3t-of-the-test\n', { mode: 0o600 });
  const address = `127.0.0.1:${await freePort()}`;
  const providerFlags = [
    ...['--platform', 'fakecloudlet', '--image-dir', imageDir, '--on-stop', 'stop'],
    ...['--virtrigaud-addr', address, '--virtrigaud-client-ca', ca, '--virtrigaud-allowed-names', 'site'],
    ...['--virtrigaud-cert', server.cert, '--virtrigaud-key', server.key],
    ...['--virtrigaud-token-file', tokenFile],
  ];
  const siteFlags = [
    ...['--platform', 'remote-provider', '--public-addr', PUBLIC, '--on-stop', 'stop'],
    ...['--remote-provider-addr', address, '--remote-provider-server-name', 'provider.example'],
    ...['--remote-provider-ca', ca, '--remote-provider-cert', client.cert],
    ...['--remote-provider-key', client.key, '--remote-provider-token-file', tokenFile],
    ...['--remote-capacity', 'vcores=8,ram=4096,disk=40'],
  ];
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  const startProvider = () => startAgent(dir.path, '127.0.0.1:1', PROVIDER, providerFlags);
  const startSite = () => startAgent(dir.path, notify, SITE, siteFlags);
  let provider = await startProvider();
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
  const shown = async () => (await edgectl(['ShowAppInst', '--key-appkey-name', 'vm'])).stdout;
  const machines = async () =>
    (await hostSnapshot(dir.path)).processes.filter((line) => line.includes('qemu-system'));
  const records = join(dir.path, 'agent-site/remote-provider/machines');
  let failure: unknown;
  try {
    await eventually('the site is ready', async () =>
      (await edgectl(['ShowCloudletInfo'])).stdout.includes('CloudletStateReady'),
    );
    const made = await edgectl(['create', '-f', '-'], SITE_YAML);
    assert.is(made.code, 0, made.stderr);

    const create = done('CreateAppInst', ...INSTANCE);
    create.catch(() => undefined);
    await eventually('it is asked for', async () => (await shown()).includes('"state"'));
    await sleep(systemClock, 300);
    site.kill('SIGKILL');
    await site.exited;
    site = await startSite();
    await create;
    const port = Number(/"public_port":\s*(\d+)/.exec(await shown())?.[1]);
    const first = await eventually('a page', () => page(port), 180_000);
    assert.match(first, /instance-id: ep-[0-9a-f]{12}\n/);
    assert.match(first, /hostname: ep-[0-9a-f]{12}-vm-/);
    assert.is(await eventually('an echo', () => echo(port)), 'ping');
    assert.is((await machines()).length, 1);

    // Both end; the machine runs on, and is found again.
    provider.kill('SIGKILL');
    site.kill('SIGKILL');
    await Promise.all([provider.exited, site.exited]);
    site = await startSite();
    provider = await startProvider();
    assert.is(await eventually('the same page', () => page(port)), first);

    await done('UpdateAppInst', ...INSTANCE, '--flavor-name', 'x1.large');
    assert.match(await eventually('a page after the resize', () => page(port), 180_000), 'instance-id: ep-');
    const [file = ''] = readdirSync(records);
    const { plan } = JSON.parse(readFileSync(join(records, file), 'utf8'));
    assert.equal([plan.cpus, plan.memoryMib], [2, 256]);
    assert.is((await machines()).length, 1);

    await done('DeleteAppInst', ...INSTANCE);
    assert.is(await shown(), '');
    assert.equal(await machines(), []);
    assert.equal(readdirSync(records), []);
    assert.equal(readdirSync(join(dir.path, 'agent-provider/southbound/virtrigaud/machines/vms')), []);
  } catch (error) {
    failure = error;
  } finally {
    await site.stop(120_000);
    await provider.stop(120_000);
    await controller.stop();
  }
  assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
});

test.run();
