// test: timeout=900s serial
/**
 * A cluster of real machines: made by the controller's command, an App with two replicas in it behind the load balancer by
 * ports and by path, measured, scaled, a node killed, the host rebooted while the controller is away, and all of it deleted;
 * the agent is killed in the middle of the create, between, and in the middle of the delete. In the end the host is as it
 * was.
 */
import { createSocket } from 'node:dgram';
import { mkdirSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { systemClock } from '@edgeplane/base';
import {
  eventually,
  freePort,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  newSince,
  ROOT,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reboot } from './reboot.js';
import { builtImage, containerImage } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const PUBLIC = '127.0.8.1';
/** Machines boot without hardware acceleration, several at a time, on a host that may have two processors. */
const BOOT_MS = 300_000;

const MANIFEST = `apiVersion: v1
kind: Service
metadata: { name: hello-tcp }
spec: { ports: [{ name: tcp8080, protocol: TCP, port: 8080, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: hello-udp }
spec: { ports: [{ name: udp8080, protocol: UDP, port: 8080, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello }
spec:
  replicas: 2
  selector: { matchLabels: { run: hello } }
  template:
    metadata: { labels: { run: hello } }
    spec:
      containers:
      - name: hello
        image: localhost/edgeplane/hello:1.0
        ports:
        - { containerPort: 8080, protocol: TCP }
        - { containerPort: 8080, protocol: UDP }
`;

const SITE_YAML = `
flavors:
  - { key: { name: x1.node }, ram: 448, vcpus: 1, disk: 2 }
  - { key: { name: x1.small }, ram: 96, vcpus: 1, disk: 1 }
cloudlets:
  - key: { operator_key: { name: op }, name: site }
    location: { latitude: 48, longitude: 11 }
    num_dynamic_ips: 3
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_path: localhost/edgeplane/hello:1.0
    image_type: ImageTypeDocker
    deployment: kubernetes
    deployment_manifest: ${JSON.stringify(MANIFEST)}
    access_ports: tcp:8080,udp:8080,http:8080
    default_flavor: { name: x1.small }
`;

const CLUSTER = [
  ...['--key-clusterkey-name', 'c1', '--key-developer', 'dev', '--key-cloudletkey-operatorkey-name', 'op'],
  ...['--key-cloudletkey-name', 'site'],
];
const INSTANCE = [
  ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', 'web', '--key-appkey-version', '1.0'],
  ...['--key-clusterinstkey-clusterkey-name', 'c1', '--key-clusterinstkey-developer', 'dev'],
  ...['--key-clusterinstkey-cloudletkey-operatorkey-name', 'op'],
  ...['--key-clusterinstkey-cloudletkey-name', 'site'],
];

/** Which replica answers. */
function replica(port: number, path = '/'): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request({ host: PUBLIC, port, path, timeout: 10_000, agent: false }, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        text += chunk;
      });
      res.on('end', () => {
        const name = /hostname: (\S+)/.exec(text)?.[1];
        if (name === undefined) reject(new Error(text || `status ${res.statusCode}`));
        else resolve(/-(r\d)-/.exec(name)?.[1] ?? name);
      });
    });
    req.on('timeout', () => req.destroy(new Error('no answer')));
    req.on('error', reject);
    req.end();
  });
}

function udpEcho(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (came: boolean) => {
      cancel();
      socket.close(() => resolve(came));
    };
    const cancel = systemClock.after(5000, () => finish(false));
    socket.on('message', (message) => finish(message.toString().trim() === 'ping'));
    socket.send('ping\n', port, PUBLIC);
  });
}

/** Both replicas answer through the one port. */
async function bothAnswer(port: number, limitMs = 60_000, path = '/'): Promise<void> {
  const seen = new Set<string>();
  await eventually('both replicas', async () => seen.add(await replica(port, path)).size === 2, limitMs);
  assert.equal([...seen].sort(), ['r0', 'r1']);
}

test('a cluster of machines lives its whole life', async () => {
  const before = await hostSnapshot('/tmp/ep-vm-cluster');
  const dir = tempDir('vm-cluster');
  const imageDir = join(dir.path, 'images');
  mkdirSync(imageDir);
  await containerImage(imageDir);
  symlinkSync(await builtImage('node/build.sh'), join(imageDir, 'node'));

  const httpPort = await freePort();
  const flags = [
    ...['--http-port', String(httpPort), '--metrics-interval', '1s'],
    ...['--platform', 'vm-cluster', '--image-dir', imageDir, '--public-addr', PUBLIC, '--on-stop', 'stop'],
  ];
  const store = `lmdb:${join(dir.path, 'store')}`;
  let controller = await startController(dir.path, store);
  const { notify = '' } = controller.addresses;
  let agent = await startAgent(dir.path, notify, SITE, flags);
  const edgectl = async (args: string[], input?: string) => {
    const options = input === undefined ? {} : { input };
    const program = join(ROOT, 'bin/edgectl');
    const all = [
      '--addr',
      controller.addresses['api'] ?? '',
      '--output-format',
      'json',
      'controller',
      ...args,
    ];
    const { code, stdout, stderr } = await runCommand(program, all, { timeoutMs: 600_000, ...options });
    assert.is(code, 0, `${args[0]}: ${stderr}`);
    return stdout;
  };
  /** Asks for something that is waited for later; until then nobody hears of its failure. */
  const ask = (...args: string[]) => {
    const asked = edgectl(args);
    asked.catch(() => undefined);
    return asked;
  };
  /** Process id and machine of each QEMU of the site. */
  const machines = async () =>
    (await hostSnapshot(dir.path)).processes
      .map((line) => /^(\d+) qemu-system.*guest=\S*?((?:master|node)-\d)-g(\d)/.exec(line))
      .flatMap((match) => (match ? [{ pid: Number(match[1]), node: `${match[2]} ${match[3]}` }] : []))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  const nodes = async () => (await machines()).map(({ node }) => node);
  const ready = () =>
    eventually('the agent is ready', async () =>
      (await edgectl(['ShowCloudletInfo'])).includes('"CloudletStateReady"'),
    );
  const restartAgent = async (meanwhile: () => Promise<unknown> = async () => undefined) => {
    agent.kill('SIGKILL');
    await agent.exited;
    await meanwhile();
    agent = await startAgent(dir.path, notify, SITE, flags);
    await ready();
  };
  let failure: unknown;
  try {
    await ready();
    await edgectl(['create', '-f', '-'], SITE_YAML);
    const size = ['--flavor-name', 'x1.node', '--deployment', 'kubernetes', '--nummasters', '1'];
    const creating = ask('CreateClusterInst', ...CLUSTER, ...size, '--numnodes', '2');
    await eventually('machines start', async () => (await nodes()).length > 0, BOOT_MS);
    await restartAgent();
    await creating;
    assert.equal(await nodes(), ['master-1 1', 'node-1 1', 'node-2 1']);

    await edgectl(['CreateAppInst', ...INSTANCE, '--flavor-name', 'x1.small']);
    const port = Number(/"public_port":\s*(\d+)/.exec(await edgectl(['ShowAppInst']))?.[1]);
    await bothAnswer(port);
    assert.ok(await eventually('an echo', () => udpEcho(port)));
    const prefix = /"path_prefix":\s*"([^"]+)"/.exec(await edgectl(['ShowAppInst']))?.[1] ?? '';
    await bothAnswer(httpPort, 60_000, `/${prefix}/`);
    await eventually('figures of both replicas', async () => {
      const [shown] = [JSON.parse((await edgectl(['ShowAppInstMetrics'])) || '[]') as unknown].flat();
      const figures = shown as Readonly<Record<string, string>> | undefined;
      const of = (name: string) => Number(figures?.[name] ?? 0);
      // Each replica has the flavor's memory.
      return of('mem_bytes') > 0 && of('cpu_nanos') > 0 && of('mem_limit_bytes') === 2 * 96 * 1024 ** 2;
    });

    const scaled = ask('UpdateClusterInst', ...CLUSTER, '--numnodes', '3');
    await eventually('the third node starts', async () => (await nodes()).length === 4, BOOT_MS);
    await bothAnswer(port);
    await scaled;
    assert.equal(await nodes(), ['master-1 1', 'node-1 1', 'node-2 1', 'node-3 1']);

    const victim = (await machines()).find(({ node }) => node.startsWith('node-1'));
    assert.ok(victim);
    process.kill(victim.pid, 'SIGKILL');
    // The other replica goes on, and the one that was on the node comes back with it.
    await eventually('a replica', () => replica(port));
    await eventually('the node is started again', async () => (await nodes()).length === 4, BOOT_MS);
    await bothAnswer(port, BOOT_MS);

    const running = await machines();
    await restartAgent(() => replica(port));
    assert.equal(await machines(), running, 'machines are taken up as they are');
    await bothAnswer(port);

    await edgectl(['UpdateClusterInst', ...CLUSTER, '--numnodes', '1']);
    assert.equal(await nodes(), ['master-1 1', 'node-1 1']);
    controller.kill('SIGKILL');
    await controller.exited;
    agent.kill('SIGKILL');
    await agent.exited;
    const { interfaces } = newSince(before, await hostSnapshot(dir.path));
    const own = interfaces.filter((name) => name.startsWith('ep'));
    await reboot(join(dir.path, `agent-${SITE.name}`), own);
    agent = await startAgent(dir.path, notify, SITE, flags);
    await bothAnswer(port, BOOT_MS);
    await bothAnswer(httpPort, 60_000, `/${prefix}/`);
    const rebooted = await machines();
    assert.equal(
      rebooted.map(({ node }) => node),
      ['master-1 1', 'node-1 1'],
    );
    controller = await startController(dir.path, store, ['--notifyAddr', notify]);
    await ready();
    await bothAnswer(port);
    assert.equal(await machines(), rebooted, 'a controller that is back changes nothing');

    await edgectl(['DeleteAppInst', ...INSTANCE]);
    const refused = await replica(port).catch((error: Error) => error.message);
    assert.match(refused, /ECONNREFUSED/);
    const deleting = ask('DeleteClusterInst', ...CLUSTER);
    await eventually('machines go', async () => (await nodes()).length < rebooted.length);
    await restartAgent();
    await deleting;
    assert.equal(await nodes(), []);
  } catch (error) {
    failure = error;
  } finally {
    await agent.stop(120_000);
    await controller.stop();
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
