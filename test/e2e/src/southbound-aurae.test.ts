// test: timeout=300s serial
/**
 * Aurae's pods with real containers, called by Debian's Python over mutual TLS under the name that stock clients expect: a pod
 * with a page lives its life, the agent is killed while it serves, the host is rebooted, clients of 2023 and empty messages work, bad input leaves
 * nothing. In the end the host is as it was.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTestCa, makeTestCertificate } from '@edgeplane/rpc/testing';
import {
  eventually,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  runCommand,
  runPythonClient,
  startAgent,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reboot } from './reboot.js';
import { containerImage } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const IMAGE = 'localhost/edgeplane/hello:1.0';
const SECRET = 'hunter2-do-not-log';
const SCRIPT = fileURLToPath(new URL('./southbound-aurae.py', import.meta.url));

interface Status {
  readonly phase: string;
  readonly uid: string;
  readonly ips: readonly string[];
  readonly ports: readonly { readonly host_port: number }[];
  readonly containers: readonly {
    readonly name: string;
    readonly pid: number;
    readonly phase: string;
    readonly ready: boolean;
    readonly restarts: number;
  }[];
}

async function page(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) });
  return answer.text();
}

/** Control groups of all pods of the host, where each hierarchy has them. */
function podGroups(): string[] {
  const hierarchies = readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}/libpod_parent`);
  const names = hierarchies.filter(existsSync).flatMap((parent) => readdirSync(parent));
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
}

test('pods live their life', async () => {
  const before = await hostSnapshot('/tmp/ep-aurae');
  const groups = podGroups();
  const dir = tempDir('aurae');
  const images = join(dir.path, 'images');
  mkdirSync(images);
  await containerImage(images);
  const ca = makeTestCa(dir.path, 'ca');
  const server = makeTestCertificate(dir.path, 'server', 'ca', 'DNS:server.unsafe.aurae.io');
  const client = makeTestCertificate(dir.path, 'client', 'ca', 'URI:spiffe://site/client', 'acme');
  const other = makeTestCertificate(dir.path, 'other', 'ca', 'DNS:other', 'rival');
  const flags = [
    ...['--platform', 'fakecloudlet', '--image-dir', images, '--on-stop', 'stop'],
    ...['--aurae-addr', '127.0.0.1:0', '--aurae-client-ca', ca.cert],
    ...['--aurae-cert', server.cert, '--aurae-key', server.key],
  ];
  // The controller is out of reach all the time.
  const start = () => startAgent(dir.path, '127.0.0.1:1', SITE, flags);
  let agent = await start();
  const ask = <T>(parts: readonly string[], from = client) =>
    runPythonClient<T>({
      ...{ api: 'aurae', script: SCRIPT, address: agent.addresses['aurae'] ?? '' },
      input: { parts, image: IMAGE, secret: SECRET },
      tls: { ca: ca.cert, ...from, serverName: 'server.unsafe.aurae.io' },
    });
  let failure: unknown;
  try {
    const told = await ask<{
      page: {
        allocated: Status;
        started: { pid: number; status: Status };
        log: string[];
        listed: string[];
        watched: string[];
      };
      refused: Record<string, string>;
    }>(['refused', 'page']);
    const { allocated, started, log, listed, watched } = told.page;
    assert.equal([allocated.phase, started.status.phase], ['PHASE_ALLOCATED', 'PHASE_RUNNING']);
    assert.match(allocated.ips[0] ?? '', /^10\./);
    const phases = started.status.containers.map(({ name, phase }) => `${name} ${phase}`);
    assert.equal(phases, ['hello PHASE_RUNNING', 'writer PHASE_RUNNING', 'prepare PHASE_EXITED']);
    assert.ok(started.status.containers[0]?.ready && started.pid > 1);
    assert.is(Buffer.from(log.join(''), 'base64').toString(), 'from writer\n');
    assert.equal([listed, watched], [['web'], ['KIND_PRESENT', 'KIND_SNAPSHOT_END']]);
    assert.equal(told.refused, REFUSED);

    const port = allocated.ports[0]?.host_port ?? 0;
    assert.match(await page(port), 'app: pods');
    agent.kill('SIGKILL');
    await agent.exited;
    assert.match(await page(port), 'app: pods');
    agent = await start();
    const { again, programs } = await ask<{ again: Status; programs: unknown[] }>(['again', 'programs']);
    assert.equal(programs, [
      ['said\n', 'wrong\n', 3],
      ['terminal\r\n', '', 0],
      ...['INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'FAILED_PRECONDITION'],
    ]);
    const pids = ({ containers }: Status) => containers.map(({ pid }) => pid);
    assert.equal([again.uid, pids(again)], [allocated.uid, pids(started.status)]);
    assert.match(await page(port), 'app: pods');

    agent.kill('SIGKILL');
    await agent.exited;
    await reboot(join(dir.path, `agent-${SITE.name}`));
    agent = await start();
    assert.match(await eventually('a page after a boot', () => page(port)), 'app: pods');

    const rest = await ask<Record<string, unknown>>(['old', 'ends']);
    assert.equal(rest, {
      old: ['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND'],
      ends: { exit_code: 7, message: 'container fails: ended with 7' },
    });
    // A pod of another tenant is one that does not exist.
    const foreign = await ask(['again'], other).catch((error: Error) => error.message);
    assert.match(String(foreign), 'NOT_FOUND: pod "web" is not allocated');
    const { stop } = await ask<{ stop: object }>(['stop']);
    assert.equal(stop, { stopped: 'PHASE_ALLOCATED', freed: 'web', left: [] });
    assert.ok(await page(port).catch((error: unknown) => error instanceof TypeError), 'nobody serves it');
    const { stdout } = await runCommand('grep', ['-rl', SECRET, dir.path]);
    assert.is(stdout, '', 'what was secret is gone with its pod, and in no log');
  } catch (error) {
    failure = error;
  }
  await agent.stop(60_000);
  assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  assert.equal(
    podGroups().filter((name) => !groups.includes(name)),
    [],
  );
});

const REFUSED = {
  ...{ name: 'INVALID_ARGUMENT', 'long name': 'INVALID_ARGUMENT', 'image path': 'INVALID_ARGUMENT' },
  ...{ 'image archive': 'INVALID_ARGUMENT', 'image unknown': 'NOT_FOUND', digest: 'FAILED_PRECONDITION' },
  ...{ mount: 'INVALID_ARGUMENT', 'host path': 'PERMISSION_DENIED', 'host network': 'PERMISSION_DENIED' },
  ...{ vm: 'FAILED_PRECONDITION', cell: 'FAILED_PRECONDITION', userns: 'FAILED_PRECONDITION' },
  ...{
    memory: 'RESOURCE_EXHAUSTED',
    negative: 'INVALID_ARGUMENT',
    absurd: 'INVALID_ARGUMENT',
    port: 'INVALID_ARGUMENT',
  },
  ...{ unconfined: 'PERMISSION_DENIED', capability: 'PERMISSION_DENIED', tenant: 'PERMISSION_DENIED' },
  ...{ high: 'FAILED_PRECONDITION', credentials: 'FAILED_PRECONDITION' },
  ...{ Start: 'NOT_FOUND', Stop: 'NOT_FOUND', Free: 'NOT_FOUND' },
};

test.run();
