// test: timeout=600s serial
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProcesses, runCommand } from './commands.js';
import { podmanLayout } from './layout.js';
import { sharesMounts } from './namespaces.js';
import {
  crashManifest,
  crashPod,
  crashSpec,
  eventually,
  freePort,
  helloArchive,
  makeSite,
  page,
  withoutTrace,
} from './testing.js';

const site = await makeSite('crash');
const layout = podmanLayout(site.options.stateDir);
const setup = await site.open();
await setup.ensureImage(`docker-archive:${await helloArchive()}`);
await setup.stop();

const test = suite('podman engine, killed');

const containersInStorage = async (): Promise<number> => {
  const names = await readdir(`${layout.root}/overlay-containers`).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
};
const namespaces = async (): Promise<number> => (await readdir('/run/netns').catch(() => [])).length;
const rulesFor = async (port: number): Promise<boolean> =>
  (await runCommand('iptables-save', ['-t', 'nat'])).stdout.includes(`--dport ${port} `);

/** Moments at which agent and service die. Each resolves true once it has come. */
const moments: Readonly<Record<string, (port: number, start: number) => Promise<boolean>>> = {
  'as it begins': async () => true,
  'when storage is made': async () => (await containersInStorage()) > 0,
  'when the namespace is made': async (_, start) => (await namespaces()) > start,
  'when the first port rule is written': (port) => rulesFor(port),
};

/** Starts an agent, waits for `moment` without a pause, and kills the agent and its podman with SIGKILL. */
async function killAt(kind: string, port: number, moment: (port: number, start: number) => Promise<boolean>) {
  const start = await namespaces();
  const script = fileURLToPath(new URL('./crash-child.ts', import.meta.url));
  const flags = ['--import', 'tsx', '--conditions=source'];
  const child = spawn(process.execPath, [...flags, script, layout.stateDir, String(port), kind], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said: unknown = (await lines.next()).value;
  if (said !== 'making') await exited;
  assert.is(said, 'making');
  let made = false;
  const end = lines.next().then(() => {
    made = true;
  });
  // Look again at once, for the moment is short, but let the child's words come in.
  while (!made && !(await moment(port, start))) await setImmediate();
  const service = await runCommand('pgrep', ['-f', `unix://${layout.socket}$`]);
  for (const pid of service.stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
  child.kill('SIGKILL');
  await exited;
  await end;
}

for (const kind of ['container', 'kube']) {
  for (const [when, moment] of Object.entries(moments)) {
    test(`${kind}, ${when}: made again and served, removed without a trace`, async () => {
      const port = await freePort();
      await killAt(kind, port, moment);

      const engine = await site.open();
      await engine.recover();
      await (kind === 'kube' ? engine.playKube(crashManifest(port)) : engine.runContainer(crashSpec(port)));
      assert.match(await page(port), 'app: hello');
      assert.is((await engine.status('victim')).state, 'running');

      await engine.remove('victim');
      const owned = await engine.listOwned();
      assert.equal([owned.containers, owned.pods, owned.volumes], [[], [], []]);
      assert.equal(await engine.client.containers.list({}, { external: true }), []);
      assert.equal(await engine.client.volumes.list(), []);
      assert.is(await containersInStorage(), 0);
      await engine.shutdown();
      await withoutTrace(layout.stateDir);
    });

    test(`${kind}, ${when}: removed at once without a trace`, async () => {
      const port = await freePort();
      await killAt(kind, port, moment);
      const engine = await site.open();
      await engine.recover();
      await engine.remove('victim');
      assert.equal(await engine.client.containers.list({}, { external: true }), []);
      assert.is(await containersInStorage(), 0);
      await engine.shutdown();
      await withoutTrace(layout.stateDir);
    });
  }
}

for (const when of ['when storage is made', 'when the namespace is made']) {
  test(`pod, ${when}: made again and served, removed without a trace`, async () => {
    const port = await freePort();
    await killAt('pod', port, moments[when] ?? (async () => true));
    const engine = await site.open();
    await engine.recover();
    await crashPod(engine, port);
    assert.match(await page(port), 'app: hello');
    await engine.remove('victim');
    await engine.removeNetwork('pods');
    const { containers, pods, volumes } = await engine.listOwned();
    assert.equal([containers, pods, volumes, await containersInStorage()], [[], [], [], 0]);
    await engine.shutdown();
    await withoutTrace(layout.stateDir);
  });
}

test('workloads outlive agent and service, and the next agent takes them over', async () => {
  const port = await freePort();
  await killAt('container', port, async () => false);
  const first = await page(port);
  const engine = await site.open();
  assert.equal((await engine.recover({ start: true })).started, []);
  await engine.runContainer(crashSpec(port));
  assert.is(await page(port), first, 'the same container, never restarted');
  await engine.shutdown({ removeAll: true });
  await withoutTrace(layout.stateDir);
});

test('a workload of another boot can be removed at once, though its mounts are still there', async () => {
  const port = await freePort();
  await killAt('container', port, async () => false);
  assert.match(await page(port), 'app: hello');
  for (const { pid } of await findProcesses(
    (argv) => argv.includes('--exit-dir') && argv.includes(layout.root),
  )) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    // The monitor first, so that nobody sees its container end and tidies up.
    for (const each of [pid, ...children.split(' ').filter(Boolean)]) process.kill(Number(each), 'SIGKILL');
  }
  await writeFile(`${layout.runDir}/boot-id`, 'another');

  const engine = await site.open();
  await engine.remove('victim');
  assert.is(await containersInStorage(), 0);
  await engine.shutdown({ removeAll: true });
  await withoutTrace(layout.stateDir);
});

test('a process behind a mount namespace of its own is told apart', async () => {
  assert.ok(await sharesMounts(process.ppid));
  const apart = spawn('unshare', ['--mount', 'sleep', '60'], { stdio: 'ignore' });
  try {
    await eventually('it has its own', async () => !(await sharesMounts(apart.pid ?? 0)));
  } finally {
    apart.kill('SIGKILL');
  }
});

test.after(() => site.clear());

test.run();
