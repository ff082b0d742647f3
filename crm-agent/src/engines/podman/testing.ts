/** What the tests with a real podman share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger, systemClock } from '@edgeplane/base';
import { findProcesses, runCommand, until } from './commands.js';
import { PodmanEngine, type PodmanEngineOptions } from './engine.js';
import { podmanLayout } from './layout.js';
import type { ContainerSpec, KubeSpec } from './spec.js';
import { mountsBelow, unmountBelow } from './sweep.js';

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

export async function makeSite(owner: string): Promise<Site> {
  const stateDir = await mkdtemp(join(tmpdir(), 'edgeplane-podman-'));
  const options = { owner, stateDir, logger: silentLogger, clock: systemClock };
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

/** Every trace on the host that containers of this kind leave: compare before and after. */
export async function hostTraces(stateDir: string): Promise<string[]> {
  const { runDir } = podmanLayout(stateDir);
  const links = await runCommand('ip', ['-o', 'link']);
  const rules = await runCommand('iptables-save', []);
  const running = await findProcesses((argv) => argv.some((w) => w.includes(stateDir) || w.includes(runDir)));
  const lines = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));
  return [
    ...(await mountsBelow([stateDir, runDir, '/run/netns'])),
    ...lines(links.stdout, /: (ep[0-9a-f]{12}|veth)/).map((line) => line.split(': ')[1] ?? ''),
    ...lines(rules.stdout, /NETAVARK/).map((line) => line.replace(/\[\d+:\d+\]/, '')),
    ...running.map((id) => `process ${id.pid}`),
  ].sort();
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
