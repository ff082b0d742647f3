// test: timeout=180s
/** A cloudlet on flintlock hosts that have nothing of ours: Google's gRPC in Python, one of each dialect. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import {
  eventually,
  freePort,
  ROOT,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PUBLIC = '127.0.11.1';
const SCRIPT = fileURLToPath(new URL('./foreign-flintlock.py', import.meta.url));
const DIALECTS = ['current', '2021'] as const;
/** Addresses of this host, which stands for the machines that have them. */
const NETWORKS = { current: '127.0.12.10-127.0.12.20', '2021': '127.0.13.10-127.0.13.20' };
const cluster = (name: string) => [
  ...['--key-clusterkey-name', name, '--key-developer', 'dev', '--key-cloudletkey-operatorkey-name', 'op'],
  ...['--key-cloudletkey-name', 'site'],
];
const instance = (name: string) => [
  ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', name, '--key-appkey-version', '1.0'],
  ...['--key-clusterinstkey-clusterkey-name', name, '--key-clusterinstkey-developer', 'dev'],
  ...['--key-clusterinstkey-cloudletkey-operatorkey-name', 'op'],
  ...['--key-clusterinstkey-cloudletkey-name', 'site'],
];
/** Apps and clusters alike. */
const NAMES = ['one', 'two'];
const siteYaml = (ports: readonly number[]) => `
flavors: [{ key: { name: x1.small }, ram: 1024, vcpus: 1, disk: 1 }]
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
${NAMES.map(
  (name, at) => `  - key: { developer_key: { name: dev }, name: ${name}, version: "1.0" }
    image_path: registry.example/boots:1
    image_type: ImageTypeDocker
    deployment: docker
    command: serve --all
    access_ports: tcp:${ports[at]}
    default_flavor: { name: x1.small }
`,
).join('')}`;

interface Host {
  readonly dialect: (typeof DIALECTS)[number];
  readonly process: ChildProcess;
  readonly lines: string[];
}

async function startHost(dir: string, dialect: Host['dialect']): Promise<Host> {
  const base = join(ROOT, 'shared/proto/southbound', `flintlock-${dialect}`);
  const described = join(dir, `${dialect}.binpb`);
  const paths = ['/usr/include', base, join(ROOT, 'shared/proto/third-party')].map((path) => `-I${path}`);
  const file = 'services/microvm/v1alpha1/microvms.proto';
  const out = ['--include_imports', `--descriptor_set_out=${described}`];
  const compiled = await runCommand('/usr/bin/protoc', [...paths, ...out, file], { cwd: base });
  assert.is(compiled.code, 0, compiled.stderr);
  const process = spawn('/usr/bin/python3', [SCRIPT, described, dialect, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: process.stdout }).on('line', (line) => lines.push(line));
  return { dialect, process, lines };
}

test('a docker App on hosts of somebody else, in both dialects', async () => {
  const dir = tempDir('foreign-flintlock');
  const ca = makeTestCa(dir.path, 'ca').cert;
  makeTestCertificate(dir.path, 'server', 'ca');
  const client = makeTestCertificate(dir.path, 'client', 'ca', 'DNS:site');
  const tokenFile = join(dir.path, 'token');
  writeFileSync(tokenFile, 's3cr3t\n', { mode: 0o600 });
  const hosts = await Promise.all(DIALECTS.map((dialect) => startHost(dir.path, dialect)));
  const ports = [await freePort(), await freePort()];
  const addresses = Object.values(NETWORKS).map((range) => range.split('-')[0] ?? '');
  const guests = addresses.flatMap((address) =>
    ports.map((port) => createServer((_, response) => response.end(`at ${address}`)).listen(port, address)),
  );
  await Promise.all(guests.map((guest) => once(guest, 'listening')));
  const listed = await Promise.all(
    hosts.map(async ({ dialect, lines }) => ({
      address: `127.0.0.1:${await eventually('a port', () => lines[0])}`,
      ...{ dialect, ca, cert: client.cert, key: client.key, token_file: tokenFile },
      network: { addresses: NETWORKS[dialect], gateway: '127.0.12.1', nameservers: ['127.0.12.1'] },
    })),
  );
  const hostsFile = join(dir.path, 'hosts.yaml');
  const kernel = { image: 'registry.example/kernel:1', filename: 'boot/vmlinux', cmdline: { quiet: '' } };
  writeFileSync(hostsFile, JSON.stringify({ kernel, hosts: listed }));
  const controller = await startController(dir.path, 'memory');
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, { operator: 'op', name: 'site' }, [
    ...['--platform', 'remote-microvm', '--remote-microvm-hosts', hostsFile, '--public-addr', PUBLIC],
    ...['--on-stop', 'stop'],
  ]);
  const edgectl = (args: string[], input?: string) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, '--output-format', 'json', 'controller', ...args], {
      timeoutMs: 120_000,
      ...(input === undefined ? {} : { input }),
    });
  const done = async (args: string[], input?: string) => {
    const { code, stderr, stdout } = await edgectl(args, input);
    assert.is(code, 0, `${args[0]}: ${stderr}`);
    return stdout;
  };
  try {
    await eventually('the site is ready', async () =>
      (await edgectl(['ShowCloudletInfo'])).stdout.includes('CloudletStateReady'),
    );
    await done(['create', '-f', '-'], siteYaml(ports));
    const pages: string[] = [];
    for (const name of NAMES) {
      await done([
        'CreateClusterInst',
        ...cluster(name),
        '--deployment',
        'docker',
        '--flavor-name',
        'x1.small',
      ]);
      await done(['CreateAppInst', ...instance(name)]);
      const shown = await done(['ShowAppInst', '--key-appkey-name', name]);
      const publicPort = Number(/"public_port":\s*(\d+)/.exec(shown)?.[1]);
      pages.push(await (await fetch(`http://${PUBLIC}:${publicPort}/`)).text());
    }
    assert.equal(pages.sort(), ['at 127.0.12.10', 'at 127.0.13.10']);
    for (const name of NAMES) await done(['DeleteAppInst', ...instance(name)]);
    for (const { lines, dialect } of hosts) {
      const [made, gone, ...more] = lines.slice(1).map((line) => JSON.parse(line));
      assert.equal(more, [], dialect);
      assert.is(gone.deleted, made.created);
      assert.is(made.image, 'registry.example/boots:1');
      assert.match(made.user_data, 'runcmd:\n  - serve --all\n');
    }
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    for (const { process } of hosts) {
      process.kill();
      await once(process, 'exit');
    }
    for (const guest of guests) guest.close();
    dir.remove();
  }
});

test.run();
