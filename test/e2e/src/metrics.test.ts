// test: timeout=300s serial
/** What real containers and a real virtual machine use, as edgectl shows it. */
import { join } from 'node:path';
import {
  eventually,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImages, CLUSTER_ARGS, instanceArgs, prepareSite } from './site.js';

interface Context {
  dir: ReturnType<typeof tempDir>;
  controller: Running;
  agent: Running;
}

const PUBLIC = '127.0.7.3';
const tests = suite<Context>('measurements of real workloads');

tests.before(async (context) => {
  context.dir = tempDir('metrics');
  const dir = context.dir.path;
  const images = await buildImages(dir);
  context.controller = await startController(dir, 'memory');
  const notify = context.controller.addresses['notify'] ?? '';
  context.agent = await startAgent(dir, notify, { operator: 'op', name: 'site' }, [
    ...['--platform', 'local', '--image-dir', images, '--public-addr', PUBLIC],
    ...['--metrics-interval', '1s', '--on-stop', 'stop'],
  ]);
  await prepareSite(context.controller.addresses['api'] ?? '');
  await edgectl(context, 'create', '-f', '-');
  await edgectl(context, 'CreateClusterInst', ...CLUSTER_ARGS);
  for (const app of ['web', 'burn', 'vm']) await edgectl(context, 'CreateAppInst', ...instanceArgs(app));
});

tests.after(async (context) => {
  const { controller, agent, dir } = context;
  for (const app of ['web', 'burn', 'vm']) await edgectl(context, 'DeleteAppInst', ...instanceArgs(app));
  await edgectl(context, 'DeleteClusterInst', ...CLUSTER_ARGS);
  for (const process of [agent, controller])
    assert.equal(await process.stop(), { code: 0, signal: null }, `${process.name} did not stop cleanly`);
  dir.remove();
});

/** An App that keeps one core busy and does nothing else. */
const BURN = `
apps:
  - key: { developer_key: { name: dev }, name: burn, version: "1.0" }
    image_path: localhost/edgeplane/hello:1.0
    image_type: ImageTypeDocker
    access_ports: tcp:8082
    default_flavor: { name: x1.small }
    deployment: kubernetes
    deployment_manifest: |
      apiVersion: v1
      kind: Service
      metadata: { name: burn-tcp }
      spec:
        ports: [{ name: tcp8082, protocol: TCP, port: 8082, targetPort: 8082 }]
      ---
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: burn-deployment }
      spec:
        replicas: 1
        template:
          metadata: { labels: { run: burn } }
          spec:
            containers:
            - name: burn
              image: localhost/edgeplane/hello:1.0
              command: ["sh", "-c", "while :; do :; done"]
              ports: [{ containerPort: 8082, protocol: TCP }]
`;

async function edgectl(context: Context, ...args: string[]): Promise<string> {
  const api = context.controller.addresses['api'] ?? '';
  const done = await runCommand(
    join(ROOT, 'bin/edgectl'),
    ['--addr', api, '--output-format', 'json', 'controller', ...args],
    { timeoutMs: 120_000, ...(args[0] === 'create' && { input: BURN }) },
  );
  assert.is(done.code, 0, `${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

type Shown = Readonly<Record<string, unknown>>;

/** The figures of an instance, and which are missing. */
async function shown(
  context: Context,
  app: string,
): Promise<Record<string, number> & { not_measured?: unknown }> {
  const text = await edgectl(context, 'ShowAppInstMetrics', '--key-appkey-name', app);
  const parsed = JSON.parse(text || '[]') as Shown | readonly Shown[];
  const [one] = [parsed].flat();
  if (!one) throw new Error(`no sample of ${app}`);
  const figures = Object.entries(one).filter(([, value]) => !Number.isNaN(Number(value)));
  return {
    ...Object.fromEntries(figures.map(([name, value]) => [name, Number(value)])),
    not_measured: one['not_measured'],
  } as never;
}

const MB = 1024 ** 2;

tests('a busy container uses most of a core, and an idle one next to nothing', async (context) => {
  await eventually('half a core', async () => ((await shown(context, 'burn'))['cpu_percent'] ?? 0) > 50);
  const from = await shown(context, 'burn');
  await eventually('two CPU seconds later', async () => {
    const { cpu_nanos: now = 0 } = await shown(context, 'burn');
    return now > (from['cpu_nanos'] ?? 0) + 2e9;
  });
  const burn = await shown(context, 'burn');
  assert.ok((burn['cpu_percent'] ?? 0) < 150, `one loop has one core: ${burn['cpu_percent']}`);
  assert.ok((burn['mem_bytes'] ?? 0) > 4096 && (burn['mem_bytes'] ?? 0) < 128 * MB);
  assert.is(burn['mem_limit_bytes'], 256 * MB);
  assert.ok(((await shown(context, 'web'))['cpu_percent'] ?? 0) < 50);
});

tests('traffic of a container is counted', async (context) => {
  const appInst = JSON.parse(await edgectl(context, 'ShowAppInst', '--key-appkey-name', 'web')) as unknown;
  const [inst] = [appInst].flat() as { mapped_ports: { public_port: number }[] }[];
  const url = `http://${PUBLIC}:${inst?.mapped_ports[0]?.public_port}/`;
  const from = await eventually('a first sample', () => shown(context, 'web'));
  let bytes = 0;
  for (let i = 0; i < 50; i++) bytes += (await (await fetch(url)).text()).length;
  await eventually('the pages were counted', async () => {
    const now = await shown(context, 'web');
    const out = (now['net_out_bytes'] ?? 0) - (from['net_out_bytes'] ?? 0);
    const into = (now['net_in_bytes'] ?? 0) - (from['net_in_bytes'] ?? 0);
    assert.ok(out < 100 * bytes + MB, `${out} for pages of ${bytes}`);
    return out >= bytes && into > 0;
  });
});

tests('a virtual machine has figures of its own; what QEMU cannot tell is named', async (context) => {
  const vm = await eventually('it has read its disk', async () => {
    const figures = await shown(context, 'vm');
    return (figures['disk_read_bytes'] ?? 0) > 0 && figures;
  });
  assert.ok((vm['cpu_nanos'] ?? 0) > 1e8, `starting takes a while: ${vm['cpu_nanos']}`);
  assert.ok((vm['mem_bytes'] ?? 0) > 16 * MB && (vm['mem_bytes'] ?? 0) < 1024 * MB);
  assert.is(vm['mem_limit_bytes'], 256 * MB);
  assert.ok((vm['disk_bytes'] ?? 0) > 0);
  assert.equal(
    [vm.not_measured].flat().filter((name) => name !== 'cpu_percent'),
    ['net_in_bytes', 'net_out_bytes'],
  );
});

tests('the site has the sums and what its host uses', async (context) => {
  const [site] = [JSON.parse(await edgectl(context, 'ShowCloudletMetrics')) as Shown].flat();
  const figure = (name: string) => Number(site?.[name]);
  assert.is(figure('inst_count'), 3);
  assert.ok(figure('inst_cpu_percent') > 25 && figure('inst_mem_bytes') > 16 * MB);
  assert.ok(figure('cpu_percent') > 25 && figure('cpu_percent') <= 110 * figure('cpu_cores'));
  assert.ok(figure('mem_bytes') > figure('inst_mem_bytes') / 2);
  assert.ok(figure('mem_bytes') < figure('mem_total_bytes'));
  assert.ok(figure('disk_bytes') > 0 && figure('disk_bytes') < figure('disk_total_bytes'));
});

tests.run();
