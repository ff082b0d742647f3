// test: timeout=180s
/** A cloudlet on a provider that has nothing of ours: Google's gRPC in Python, the original proto, and habits of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import { eventually, ROOT, runCommand, startAgent, startController, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PUBLIC = '127.0.10.1';
const SCRIPT = fileURLToPath(new URL('./foreign-provider.py', import.meta.url));
const INSTANCE = [
  ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', 'vm', '--key-appkey-version', '1.0'],
  ...['--key-clusterinstkey-clusterkey-name', 'vm1', '--key-clusterinstkey-developer', 'dev'],
  ...['--key-clusterinstkey-cloudletkey-operatorkey-name', 'op'],
  ...['--key-clusterinstkey-cloudletkey-name', 'site'],
];
const siteYaml = (port: number) => `
flavors: [{ key: { name: x1.small }, ram: 192, vcpus: 1, disk: 1 }]
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: vm, version: "1.0" }
    image_path: "https://images.example/guest.qcow2?a=<b>&c"
    image_type: ImageTypeQcow
    deployment: vm
    access_ports: tcp:${port}
    default_flavor: { name: x1.small }
`;

test('a vm App on a provider of somebody else', async () => {
  const dir = tempDir('foreign-provider');
  const ca = makeTestCa(dir.path, 'ca').cert;
  makeTestCertificate(dir.path, 'server', 'ca', 'DNS:virtrigaud-provider-ns-p.ns.svc.cluster.local');
  const client = makeTestCertificate(dir.path, 'client', 'ca', 'DNS:site');
  const base = join(ROOT, 'shared/proto/southbound/virtrigaud/provider/v1');
  const compiled = await runCommand('/usr/bin/protoc', [
    `-I${base}`,
    `--python_out=${dir.path}`,
    'provider.proto',
  ]);
  assert.is(compiled.code, 0, compiled.stderr);
  const provider = spawn('/usr/bin/python3', [SCRIPT, dir.path, '127.0.0.1:0', dir.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: provider.stdout }).on('line', (line) => lines.push(line));
  // Stands for the machine, which is this host by its address.
  const guest = createServer((_, response) => response.end('from the guest')).listen(0, '127.0.0.1');
  await once(guest, 'listening');
  const { port } = guest.address() as AddressInfo;
  const controller = await startController(dir.path, 'memory');
  const { api = '', notify = '' } = controller.addresses;
  const address = `127.0.0.1:${await eventually('a port', () => lines[0])}`;
  const agent = await startAgent(dir.path, notify, { operator: 'op', name: 'site' }, [
    ...['--platform', 'remote-provider', '--public-addr', PUBLIC, '--on-stop', 'stop'],
    ...['--remote-provider-addr', address, '--remote-provider-ca', ca, '--remote-provider-cert', client.cert],
    ...['--remote-provider-key', client.key],
    ...['--remote-provider-server-name', 'virtrigaud-provider-ns-p.ns.svc.cluster.local'],
  ]);
  const edgectl = (args: string[], input?: string) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', 'controller', ...args], {
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
  try {
    await eventually('the site is ready', async () =>
      (await edgectl(['ShowCloudletInfo'])).stdout.includes('CloudletStateReady'),
    );
    const made = await edgectl(['create', '-f', '-'], siteYaml(port));
    assert.is(made.code, 0, made.stderr);
    const created = await edgectl(['CreateAppInst', ...INSTANCE]);
    assert.is(created.code, 0, created.stderr);
    const shown = (await edgectl(['ShowAppInst'])).stdout;
    assert.match(shown, '"state": "Ready"');
    const publicPort = Number(/"public_port":\s*(\d+)/.exec(shown)?.[1]);
    const answer = await fetch(`http://${PUBLIC}:${publicPort}/`);
    assert.is(await answer.text(), 'from the guest');
    const calls = lines.slice(1).map((line) => JSON.parse(line) as { call: string; name: string });
    const creates = calls.filter(({ call }) => call === 'Create');
    assert.is(creates.length, 1);
    assert.match(creates[0]?.name ?? '', /^ep-[0-9a-f]{12}-vm-[0-9a-f]{12}$/);
    const deleted = await edgectl(['DeleteAppInst', ...INSTANCE]);
    assert.is(deleted.code, 0, deleted.stderr);
    assert.ok(lines.some((line) => line.includes('"Delete"')));
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    provider.kill();
    await once(provider, 'exit');
    guest.close();
    dir.remove();
  }
});

test.run();
