// test: timeout=300s serial
/** Whatever keeps a workload from running is told in the answer to its create, by its cause, and nothing is left of it. */

import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
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
  startRegistry,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImages } from './site.js';

const PUBLIC = '127.0.7.2';

interface Fault {
  readonly name: string;
  readonly image: string;
  /** What the error has to say; undefined when the instance is to run. */
  readonly says?: RegExp;
  readonly flavor?: string;
  readonly ports?: string;
  readonly cloudlet?: string;
  readonly env?: string;
}

const app = ({ name, image, flavor = 'small', ports = '', env = '' }: Fault): string => `
  - key: { developer_key: { name: dev }, name: "${name}", version: "1.0" }
    image_path: "${image}"
    image_type: ${image.includes('qcow2') ? 'ImageTypeQcow' : 'ImageTypeDocker'}
    deployment: ${image.includes('qcow2') ? 'vm' : 'docker'}
    access_ports: "${ports}"
    configs: [${env && `{ kind: envVarsYaml, config: "[${env}]" }`}]
    default_flavor: { name: ${flavor} }`;

/** Its program ends at once, again and again. */
const CRASHING: Fault = {
  name: 'crashing',
  image: 'localhost/edgeplane/hello:1.0',
  env: '{name: PORT, value: none}',
};

/** Two that run on a site whose disk becomes full. */
const KEPT: Fault = { name: 'kept', image: 'localhost/edgeplane/hello:1.0', ports: 'tcp:8080' };
const DROPPED: Fault = { name: 'dropped', image: 'localhost/edgeplane/hello:1.0' };

/** Makes a file system of memory as large as what is in it. */
async function makeFull(folder: string): Promise<void> {
  const { stdout } = await runCommand('df', ['-B1', '--output=used', folder]);
  const size = stdout.split('\n')[1]?.trim();
  assert.is((await runCommand('mount', ['-o', `remount,size=${size}`, folder])).code, 0);
}

/** Kills the program of a container of an agent. */
async function killProgram(agentDir: string, name: string): Promise<void> {
  const monitors = (await hostSnapshot(agentDir)).processes.filter(
    (line) => line.includes('conmon') && line.includes(` -n ${name}`),
  );
  assert.is(monitors.length, 1, name);
  const [monitor] = (monitors[0] ?? '').split(' ');
  const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'utf8');
  for (const pid of children.trim().split(' ')) process.kill(Number(pid), 'SIGKILL');
}

test('each fault is told by its cause and leaves nothing', async () => {
  const before = await hostSnapshot('/tmp/ep-faults');
  const dir = tempDir('faults');
  const path = (name: string) => join(dir.path, name);
  const images = await buildImages(dir.path);
  const hello = join(images, 'localhost_edgeplane_hello_1.0.tar');
  copyFileSync(hello, join(images, 'localhost_edgeplane_broken_1.0.tar'));
  truncateSync(join(images, 'localhost_edgeplane_broken_1.0.tar'), 100_000);
  const registry = await startRegistry(path('registry'));
  const digest = await registry.push(hello, 'team/hello:1.0');
  await registry.push(hello, 'other/hello:1.0');
  const files = createHttpServer((_, answer) => answer.end(readFileSync(hello))).listen(0, '127.0.0.1');
  const holder = createServer().listen(0, PUBLIC);
  await Promise.all([once(files, 'listening'), once(holder, 'listening')]);
  const url = `http://127.0.0.1:${(files.address() as AddressInfo).port}/x.qcow2`;
  const taken = (holder.address() as AddressInfo).port;
  const [nobody, httpPort] = [await freePort(), await freePort()];
  const ram = Math.floor(totalmem() / 1024 ** 2) - 8;

  const here = 'localhost/edgeplane/hello:1.0';
  const faults: readonly Fault[] = [
    {
      name: 'unknown',
      image: 'localhost/no/such:1',
      says: /image "localhost\/no\/such:1" not found: looked for/,
    },
    { name: 'untagged', image: `${registry.host}/team/hello:2`, says: /hello:2.*manifest unknown/ },
    {
      name: 'undigested',
      image: `${registry.host}/team/hello@${`sha256:${'0'.repeat(64)}`}`,
      says: /manifest unknown/,
    },
    { name: 'unreachable', image: `127.0.0.1:${nobody}/x:1`, says: /connection refused/ },
    {
      name: 'unasked',
      image: `${registry.host}/other/hello:1.0`,
      says: /authentication required|unauthorized/,
    },
    {
      name: 'broken',
      image: 'localhost/edgeplane/broken:1.0',
      says: /image archive ".*broken_1.0.tar" cannot be loaded/,
    },
    { name: 'diskless', image: 'nosuch.qcow2', says: /image "nosuch.qcow2" not found: looked for/ },
    { name: 'checksum', image: `${url}#md5:${'0'.repeat(32)}`, says: /md5/ },
    {
      name: 'port',
      image: here,
      ports: `tcp:${taken}`,
      says: /already in use: held by ".+" \(process \d+\)/,
    },
    {
      name: 'gpu',
      image: here,
      flavor: 'gpu',
      says: /flavor gpu: devices has 1 of gpu, and the host has none/,
    },
    {
      name: 'huge',
      image: here,
      flavor: 'huge',
      says: new RegExp(`flavor huge: ram of ${ram} MB is needed, and \\d+ MB`),
    },
    {
      name: 'full',
      image: here,
      cloudlet: 'full',
      says: /flavor small: disk of \d+ MB is needed.*, and \d+ MB are free/,
    },
    { name: 'a & b, c!', image: here, ports: 'http:8080' },
    { name: 'pulled', image: `${registry.host}/team/hello@${digest}`, ports: 'tcp:8080' },
  ];

  const small = path('agent-full');
  mkdirSync(small);
  assert.is((await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'edgeplane-test', small])).code, 0);
  const controller = await startController(dir.path, 'memory');
  const { api = '', notify = '' } = controller.addresses;
  const flags = (cloudlet: string) => [
    ...[
      '--platform',
      'local',
      '--image-dir',
      images,
      '--on-stop',
      'stop',
      '--registry-auth',
      registry.authFile,
    ],
    ...['--public-addr', cloudlet === 'full' ? '127.0.7.3' : PUBLIC, '--http-port', String(httpPort)],
  ];
  const trusted = process.env['SSL_CERT_FILE'];
  process.env['SSL_CERT_FILE'] = registry.certificate;
  const agents: Awaited<ReturnType<typeof startAgent>>[] = [];
  const edgectl = (args: readonly string[], input?: string) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, 'controller', ...args], {
      ...(input === undefined ? {} : { input }),
      timeoutMs: 200_000,
    });
  let failure: unknown;
  try {
    for (const name of ['site', 'full'])
      agents.push(await startAgent(dir.path, notify, { operator: 'op', name }, flags(name)));
    const made = await edgectl(
      ['create', '-f', '-'],
      `
flavors:
  - { key: { name: small }, ram: 64, vcpus: 1, disk: 1 }
  - { key: { name: gpu }, ram: 64, vcpus: 1, disk: 1, devices: [gpu] }
  - { key: { name: huge }, ram: ${ram}, vcpus: 1, disk: 1 }
cloudlets:${['site', 'full']
        .map(
          (name) => `
  - { key: { operator_key: { name: op }, name: ${name} }, location: { latitude: 48, longitude: 11 }, num_dynamic_ips: 3 }`,
        )
        .join('')}
apps:${[...faults, CRASHING, KEPT, DROPPED].map(app).join('')}
`,
    );
    assert.is(made.code, 0, made.stderr);
    await eventually('the agents are ready', async () => {
      const shown = (await edgectl(['ShowCloudletInfo'])).stdout;
      return shown.split('CloudletStateReady').length === 3;
    });
    const cluster = (cloudlet: string, prefix: string) => [
      ...[`--key-${prefix}clusterkey-name`, 'c', `--key-${prefix}developer`, 'dev'],
      ...[`--key-${prefix}cloudletkey-operatorkey-name`, 'op', `--key-${prefix}cloudletkey-name`, cloudlet],
    ];
    for (const name of ['site', 'full']) {
      const args = [...cluster(name, ''), '--flavor-name', 'small', '--deployment', 'docker'];
      const created = await edgectl(['CreateClusterInst', ...args]);
      assert.is(created.code, 0, created.stderr);
    }
    const instanceOf = (name: string, cloudlet: string) => [
      ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', name, '--key-appkey-version', '1.0'],
      ...cluster(cloudlet, 'clusterinstkey-'),
    ];
    const outcomes = await Promise.all(
      faults.map(async ({ name, cloudlet = 'site' }) => {
        const instance = instanceOf(name, cloudlet);
        const { code, stderr } = await edgectl(['CreateAppInst', ...instance]);
        const gone = code === 0 ? (await edgectl(['DeleteAppInst', ...instance])).stderr : '';
        return { code, text: `${stderr}${gone}` };
      }),
    );
    const otherwise = faults.flatMap(({ name, says }, i) => {
      const { code = 0, text = '' } = outcomes[i] ?? {};
      return (says ? code !== 0 && says.test(text) : code === 0 && text === '') ? [] : [`${name}: ${text}`];
    });
    assert.equal(otherwise, []);
    assert.is((await edgectl(['ShowAppInst'])).stdout, '', 'what failed was undone');
    // Podman's service dies in the middle of a create, which either gets by or says so.
    const disturbed = instanceOf('pulled', 'site');
    const during = edgectl(['CreateAppInst', ...disturbed]);
    await eventually('it is asked for', async () =>
      (await edgectl(['ShowAppInst'])).stdout.includes('pulled'),
    );
    for (const line of (await hostSnapshot(path('agent-site'))).processes)
      if (/ system service /.test(line)) process.kill(Number(line.split(' ')[0]), 'SIGKILL');
    const { code, stderr } = await during;
    assert.match(code === 0 ? 'podman' : stderr, 'podman');
    if (code === 0) assert.is((await edgectl(['DeleteAppInst', ...disturbed])).code, 0);
    assert.is((await edgectl(['ShowAppInst'])).stdout, '');

    // A disk that becomes full: what is there can be deleted, and what ended meanwhile is started when there is room.
    await runCommand('mount', ['-o', 'remount,size=3g', small]);
    for (const name of ['kept', 'dropped']) {
      const { code, stderr } = await edgectl(['CreateAppInst', ...instanceOf(name, 'full')]);
      assert.is(code, 0, stderr);
    }
    await makeFull(small);
    await killProgram(small, 'kept');
    const dropped = await edgectl(['DeleteAppInst', ...instanceOf('dropped', 'full')]);
    assert.is(dropped.code, 0, dropped.stderr);
    await runCommand('mount', ['-o', 'remount,size=3g', small]);
    await eventually(
      'it runs again',
      () =>
        fetch(`http://127.0.7.3:8080/`).then(
          (page) => page.ok,
          () => false,
        ),
      90_000,
    );
    const last = await edgectl(['DeleteAppInst', ...instanceOf('kept', 'full')]);
    assert.is(last.code, 0, last.stderr);

    const crashing = instanceOf('crashing', 'site');
    const started = await edgectl(['CreateAppInst', ...crashing]);
    assert.is(started.code, 0, started.stderr);
    const told = /it ended \d+ times within 5 minutes and was started again, last with status 1/;
    await eventually(
      'the trouble is told',
      async () => told.test((await edgectl(['ShowAppInst'])).stdout),
      60_000,
    );
    const removed = await edgectl(['DeleteAppInst', ...crashing]);
    assert.is(removed.code, 0, removed.stderr);
    const left = (await hostSnapshot(dir.path)).processes.filter((p) => /qemu-system|conmon|nginx/.test(p));
    assert.equal(left, []);
  } catch (error) {
    failure = error;
  } finally {
    for (const agent of agents) await agent.stop(60_000);
    await controller.stop();
    await registry.stop();
    files.close();
    holder.close();
    if (trusted === undefined) delete process.env['SSL_CERT_FILE'];
    else process.env['SSL_CERT_FILE'] = trusted;
    await runCommand('umount', [small]);
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
