// test: timeout=600s serial
import { readdir, readFile } from 'node:fs/promises';
import { systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from './commands.js';
import type { PodmanEngine } from './engine.js';
import type { LocalImage } from './images.js';
import { udpEcho } from './probe-network.js';
import { eventually, freePort, HELLO, helloArchive, makeSite, page, SMALL, withoutTrace } from './testing.js';

const site = await makeSite('agent-test');
const engine: PodmanEngine = await site.open();
const image: LocalImage = await engine.ensureImage(`docker-archive:${await helloArchive()}`);

const test = suite('podman engine');

const bothProtocols = (hostPort: number) =>
  (['tcp', 'udp'] as const).map((proto) => ({ proto, hostIp: '127.0.0.1', hostPort, containerPort: 8080 }));

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
  );

/** The value of a control file of the container's group, whichever hierarchy it is in. */
async function groupValue(pid: number, files: readonly (readonly [string, string])[]): Promise<string> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  for (const [controller, file] of files) {
    const line = groups.split('\n').find((l) => l.split(':')[1]?.split(',').includes(controller));
    if (line === undefined) continue;
    const path = `/sys/fs/cgroup/${controller}${line.split(':')[2] ?? ''}/${file}`;
    const value = await readFile(path, 'utf8').catch(() => undefined);
    if (value !== undefined) return value.trim();
  }
  throw new Error(`no group file for ${pid} in ${groups}`);
}

test('an archive is loaded once and found by name', async () => {
  assert.is(image.ref, HELLO);
  assert.is((await engine.ensureImage(HELLO)).id, image.id);
  assert.match(
    await codeOf(engine.ensureImage('localhost/none:1')),
    'PODMAN_IMAGE_MISSING: image "localhost/none:1"',
  );
  assert.match(await codeOf(engine.ensureImage('docker-archive:/none.tar')), '"/none.tar" cannot be loaded');
});

test('the ports of a start that failed are free for the next one', async () => {
  const port = await freePort();
  const spec = { name: 'wrong', image: HELLO, ports: bothProtocols(port), limits: SMALL };
  const wrong = engine.runContainer({ ...spec, entrypoint: ['/none'] });
  assert.match(await codeOf(wrong), 'PODMAN_FAILED: podman could not start container');
  await engine.runContainer(spec);
  assert.match(await page(port), 'Edgeplane hello');
  await engine.remove('wrong');
});

test('a container serves TCP and UDP within its limits', async () => {
  const port = await freePort();
  const spec = {
    name: 'web',
    image: HELLO,
    env: { APP_NAME: 'web & co' },
    labels: { app: 'web' },
    ports: bothProtocols(port),
    limits: SMALL,
  };
  const handle = await engine.runContainer(spec);
  assert.match(await page(port), 'app: web &amp; co');
  assert.ok(await until(systemClock, 5_000, () => udpEcho(port)), 'UDP echo');
  assert.equal((await engine.runContainer(spec)).containers, handle.containers, 'same spec, same container');

  const { State } = await engine.client.containers.inspect('web');
  const memory = await groupValue(State.Pid, [
    ['memory', 'memory.limit_in_bytes'],
    ['', 'memory.max'],
  ]);
  assert.is(memory, String(64 * 1024 * 1024));
  assert.is(
    await groupValue(State.Pid, [
      ['pids', 'pids.max'],
      ['', 'pids.max'],
    ]),
    '40',
  );
  const cpu = await groupValue(State.Pid, [
    ['cpu', 'cpu.cfs_quota_us'],
    ['', 'cpu.max'],
  ]);
  assert.match(cpu, /^50000/);

  assert.is((await engine.status('web')).state, 'running');
  const ran = await engine.exec('web', ['sh', '-c', 'echo out; echo err >&2; exit 3']);
  assert.equal(ran, { exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  assert.match(await engine.logs('web'), 'udp echo on 8080');
  const usage = await engine.stats('web');
  assert.ok(usage.memoryBytes > 0 && usage.pids >= 3 && usage.memoryLimitBytes === 64 * 1024 * 1024);
  assert.equal(
    (await engine.list({ app: 'web' })).map((w) => w.name),
    ['web'],
  );
  assert.equal(await engine.list({ app: 'other' }), []);

  const changed = await engine.runContainer({ ...spec, env: { APP_NAME: 'second' } });
  assert.is.not(changed.containers[0], handle.containers[0]);
  await eventually('the new page', async () => (await page(port)).includes('app: second'));
});

test('a program that ends is started again', async () => {
  await engine.runContainer({ name: 'again', image: HELLO, limits: SMALL });
  const first = (await engine.client.containers.inspect('again')).State;
  process.kill(first.Pid, 'SIGKILL');
  await eventually('another process', async () => {
    const { State } = await engine.client.containers.inspect('again');
    return State.Running && State.Pid !== first.Pid;
  });
  await engine.remove('again');
});

test('a taken host port is named and leaves nothing', async () => {
  const port = await freePort();
  await engine.runContainer({ name: 'holder', image: HELLO, ports: bothProtocols(port), limits: SMALL });
  const second = { name: 'second', image: HELLO, ports: bothProtocols(port), limits: SMALL };
  assert.match(
    await codeOf(engine.runContainer(second)),
    `PODMAN_PORT_IN_USE: host port ${port} wanted by "second" is already in use`,
  );
  const manifest = { name: 'third', yaml: POD, ports: bothProtocols(port), limits: SMALL };
  assert.match(await codeOf(engine.playKube(manifest)), `host port ${port} wanted by "third"`);
  assert.is((await engine.status('second')).state, 'missing');
  assert.equal((await engine.listOwned()).pods, []);
  assert.match(await page(port), 'app: hello');
  await engine.remove('holder');
});

test('a missing image is named', async () => {
  const spec = { name: 'x', image: 'localhost/edgeplane/none:7', limits: SMALL };
  assert.match(
    await codeOf(engine.runContainer(spec)),
    'image "localhost/edgeplane/none:7" is not available',
  );
  const yaml = POD.replace(HELLO, 'localhost/edgeplane/none:8');
  assert.match(
    await codeOf(engine.playKube({ name: 'x', yaml, limits: SMALL })),
    'image "localhost/edgeplane/none:8"',
  );
});

const POD = `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: main, image: '${HELLO}'}]
`;

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: site}
spec:
  selector: {matchLabels: {app: site}}
  template:
    metadata: {labels: {app: site}}
    spec:
      volumes:
      - {name: scratch, emptyDir: {}}
      - {name: disk, persistentVolumeClaim: {claimName: data}}
      containers:
      - name: main
        image: ${HELLO}
        envFrom: [{configMapRef: {name: settings}}]
        volumeMounts: [{name: scratch, mountPath: /scratch}, {name: disk, mountPath: /data}]
        ports: [{name: http, containerPort: 8080}, {name: echo, containerPort: 8080, protocol: UDP}]
      - name: side
        image: ${HELLO}
        env: [{name: PORT, value: "8081"}]
---
apiVersion: v1
kind: Service
metadata: {name: site}
spec: {ports: [{port: 80, targetPort: http}, {port: 80, protocol: UDP, targetPort: echo}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {APP_NAME: from the config map}
`;

test('a Deployment with a Service is played and served', async () => {
  const port = await freePort();
  const ports = bothProtocols(port).map((p) => ({ ...p, containerPort: 80 }));
  const spec = { name: 'kube', yaml: MANIFEST, ports, labels: { tier: 'front' }, limits: SMALL };
  const handle = await engine.playKube(spec);
  assert.is(handle.containers.length, 2);
  assert.match(await page(port), 'app: from the config map');
  assert.ok(await until(systemClock, 5_000, () => udpEcho(port)), 'UDP echo');
  assert.equal([...(await engine.playKube(spec)).containers].sort(), [...handle.containers].sort());
  assert.is((await engine.status('kube')).state, 'running');
  assert.match((await engine.exec('kube', ['env'], { container: 'side' })).stdout, 'PORT=8081');
  const { State } = await engine.client.containers.inspect('kube-site-main');
  const half = String(32 * 1024 * 1024);
  assert.is(
    await groupValue(State.Pid, [
      ['memory', 'memory.limit_in_bytes'],
      ['', 'memory.max'],
    ]),
    half,
  );
  assert.equal([...(await engine.listOwned()).volumes].sort(), ['kube-data', 'kube-scratch']);
  assert.ok((await engine.stats('kube')).netInBytes > 0);

  await engine.remove('kube');
  await engine.remove('kube');
  const owned = await engine.listOwned();
  assert.equal([owned.pods, owned.volumes], [[], []]);
  assert.is((await engine.status('kube')).state, 'missing');
});

test('workloads live on without the service, and it comes back', async () => {
  const port = await freePort();
  await engine.runContainer({ name: 'steady', image: HELLO, ports: bothProtocols(port), limits: SMALL });
  const first = await page(port);
  const pid = engine.servicePid;
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  assert.is(await page(port), first);
  await eventually(
    'another service',
    async () => engine.servicePid !== undefined && engine.servicePid !== pid,
  );
  assert.is((await engine.status('steady')).state, 'running');
});

test('a state directory has one owner', async () => {
  assert.match(
    await codeOf(site.open()),
    `PODMAN_STATE_IN_USE: podman state ${site.options.stateDir} is in use`,
  );
});

test('networks come and go', async () => {
  await engine.ensureNetwork('blue');
  await engine.ensureNetwork('blue');
  await engine.runContainer({ name: 'member', image: HELLO, network: 'blue', limits: SMALL });
  assert.match(await codeOf(engine.removeNetwork('blue')), 'network "blue"');
  await engine.remove('member');
  await engine.removeNetwork('blue');
  await engine.removeNetwork('blue');
});

test('a new engine finds the workloads; shutdown stops them without a trace; recover brings them back', async () => {
  const [steady] = (await engine.status('steady')).containers;
  const pid = (await engine.client.containers.inspect('steady')).State.Pid;
  await engine.stop();
  const second = await site.open();
  assert.is((await second.client.containers.inspect('steady')).State.Pid, pid, 'never stopped');
  await second.playKube({ name: 'kube2', yaml: MANIFEST, limits: SMALL });
  await second.shutdown();
  await withoutTrace(site.options.stateDir);

  const third = await site.open();
  assert.is((await third.status('steady')).state, 'exited');
  const report = await third.recover({ start: true });
  assert.equal([...report.started].sort(), ['kube2', 'steady', 'web']);
  assert.equal(report.failed, []);
  assert.equal((await third.status('steady')).containers, [steady ?? '']);
  assert.is((await third.status('kube2')).state, 'running');
  await third.shutdown({ removeAll: true });
  await withoutTrace(site.options.stateDir);

  const fourth = await site.open();
  const empty = { containers: [], pods: [], networks: [], volumes: [] };
  assert.equal(await fourth.listOwned(), empty);
  assert.is((await fourth.ensureImage(HELLO)).id, image.id, 'images stay');
  await fourth.shutdown({ removeAll: true });
  const containers = await readdir(`${site.options.stateDir}/storage/overlay-containers`).catch(() => []);
  assert.equal(
    containers.filter((name) => /^[0-9a-f]{64}$/.test(name)),
    [],
  );
});

test('where bridges do not work, ports go through slirp4netns, on any storage driver', async () => {
  const other = await makeSite('agent-slirp', {
    runtime: engine.settings.runtime,
    cgroupManager: engine.settings.cgroupManager,
    ulimits: engine.settings.ulimits,
    limits: engine.settings.limits,
    storageDriver: 'vfs',
    network: 'slirp4netns',
  });
  try {
    const slirp = await other.open();
    const { ref } = await slirp.ensureImage(`docker-archive:${await helloArchive()}`);
    const [first, second] = [await freePort(), await freePort()];
    await slirp.runContainer({ name: 'one', image: ref, ports: bothProtocols(first), limits: SMALL });
    await slirp.playKube({ name: 'two', yaml: POD, ports: bothProtocols(second), limits: SMALL });
    for (const port of [first, second]) {
      assert.match(await page(port), 'app: hello');
      assert.ok(await until(systemClock, 5_000, () => udpEcho(port)), 'UDP echo');
    }
    await slirp.shutdown();
    await withoutTrace(other.options.stateDir);
  } finally {
    await other.clear();
  }
});

test.after(() => site.clear());

test.run();
