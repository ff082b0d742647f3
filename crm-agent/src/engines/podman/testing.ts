/** What the tests with a real podman share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger, systemClock } from '@edgeplane/base';
import { addressPrefixes, placeOf } from './address-place.js';
import { findProcesses, runCommand, until } from './commands.js';
import { PodmanEngine, type PodmanEngineOptions } from './engine.js';
import { mountsBelow, unmountBelow } from './files.js';
import { podmanLayout } from './layout.js';
import { emptyNamespaces } from './namespaces.js';
import type { PodmanSettings } from './settings.js';
import type { ContainerSpec, KubeSpec } from './spec.js';

export const HELLO = 'localhost/edgeplane/hello:1.0';
export const SMALL = { memoryMB: 64, vcpus: 0.5, pids: 40 } as const;

/** Path of the sample image; built on first use. */
export async function helloArchive(): Promise<string> {
  const script = fileURLToPath(new URL('../../../../deploy/images/container/build.mjs', import.meta.url));
  const built = await runCommand(process.execPath, [script]);
  if (built.code !== 0) throw new Error(built.stderr);
  return built.stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
}

export interface Site {
  readonly options: PodmanEngineOptions;
  open(): Promise<PodmanEngine>;
  /** Removes whatever a test left, so that one that failed does not disturb the next. */
  clear(): Promise<void>;
}

export async function makeSite(owner: string, settings?: PodmanSettings): Promise<Site> {
  const stateDir = await mkdtemp(join(tmpdir(), 'edgeplane-podman-'));
  const common = { owner, stateDir, logger: silentLogger, clock: systemClock };
  const options: PodmanEngineOptions = settings === undefined ? common : { ...common, settings };
  const opened: PodmanEngine[] = [];
  return {
    options,
    async open() {
      const engine = await PodmanEngine.open(options);
      opened.push(engine);
      return engine;
    },
    async clear() {
      for (const engine of opened) await engine.stop();
      const last = await PodmanEngine.open(options);
      await last.shutdown({ removeAll: true });
      const { runDir } = podmanLayout(stateDir);
      await unmountBelow([stateDir, runDir], silentLogger);
      await rm(stateDir, { recursive: true, force: true });
      await rm(runDir, { recursive: true, force: true });
    },
  };
}

/**
 * Every trace of this podman on the host: mounts, processes, bridges and rules with its addresses, namespaces nobody is
 * in. Other podmans may come and go meanwhile. Polled by {@link withoutTrace}, as a stranger's half-made namespace may
 * be among them.
 */
async function hostTraces(stateDir: string): Promise<string[]> {
  const layout = podmanLayout(stateDir);
  const prefixes = addressPrefixes(await placeOf(layout));
  const addresses = await runCommand('ip', ['-o', 'addr']);
  const rules = await runCommand('iptables-save', []);
  const running = await findProcesses((argv) =>
    argv.some((w) => w.includes(layout.stateDir) || w.includes(layout.runDir)),
  );
  const lines = (text: string) =>
    text.split('\n').filter((line) => prefixes.some((prefix) => line.includes(` ${prefix}`)));
  return [
    ...(await mountsBelow([layout.stateDir, layout.runDir])),
    ...lines(addresses.stdout),
    ...lines(rules.stdout),
    ...running.map((id) => `process ${id.pid}`),
    ...(await emptyNamespaces()),
  ];
}

export async function withoutTrace(stateDir: string): Promise<void> {
  let traces: string[] = [];
  await until(systemClock, 5_000, async () => {
    traces = await hostTraces(stateDir);
    return traces.length === 0;
  });
  if (traces.length > 0) throw new Error(`left on the host:\n${traces.join('\n')}`);
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** The page, asked for until there is one. */
export async function page(port: number): Promise<string> {
  let text = '';
  const came = await until(systemClock, 10_000, async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    text = answer?.ok ? await answer.text() : '';
    return text !== '';
  });
  if (!came) throw new Error(`no page on port ${port}`);
  return text;
}

export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  limitMs = 15_000,
): Promise<void> {
  if (!(await until(systemClock, limitMs, condition))) throw new Error(`never happened: ${what}`);
}

const crashPorts = (hostPort: number) => [
  { proto: 'tcp' as const, hostIp: '127.0.0.1', hostPort, containerPort: 8080 },
];

export const crashSpec = (hostPort: number): ContainerSpec => ({
  name: 'victim',
  image: HELLO,
  ports: crashPorts(hostPort),
  limits: SMALL,
});

export const crashManifest = (hostPort: number): KubeSpec => ({
  name: 'victim',
  yaml: `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  volumes: [{name: scratch, emptyDir: {}}]
  containers: [{name: main, image: '${HELLO}', volumeMounts: [{name: scratch, mountPath: /scratch}]}]
`,
  ports: crashPorts(hostPort),
  limits: SMALL,
});

/** The same made part by part. */
export async function crashPod(engine: PodmanEngine, hostPort: number): Promise<void> {
  const image = await engine.ensureImage(HELLO);
  await engine.pods.ensureSandbox({
    ...{ name: 'victim', hostname: 'victim', sharePid: false, network: 'pods', limits: { pids: 40 } },
    ...{ ports: crashPorts(hostPort), nameservers: [], searches: [] },
    volumes: [{ name: 'scratch', inMemory: false }],
  });
  await engine.pods.runContainer('victim', {
    ...{ name: 'main', imageId: image.id, env: {}, limits: { memoryBytes: 64 << 20 }, restart: 'always' },
    ...{ readOnlyRoot: false, addCapabilities: [], dropCapabilities: [], stopSeconds: 1 },
    mounts: [{ volume: 'scratch', path: '/scratch', readOnly: false }],
  });
}
