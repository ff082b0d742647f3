// test: timeout=240s serial
/** Sites whose hosts lack programs: each names the Debian package and what cannot be done; all else works. */
import { join } from 'node:path';
import {
  eventually,
  hostSnapshot,
  leftBehind,
  NOTHING_LEFT,
  ROOT,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImages } from './site.js';

interface Site {
  readonly name: string;
  readonly without: readonly string[];
  /** What the error of a ClusterInst has to say; undefined when it is to be made. */
  readonly cluster?: RegExp;
  /** App by App, what the error has to say; undefined when it is to run. */
  readonly apps: Readonly<Record<string, RegExp | undefined>>;
}

const SITES: readonly Site[] = [
  {
    name: 'no-containers',
    without: ['/usr/bin/podman', '/usr/bin/conmon', '/usr/sbin/iptables'],
    cluster: /this host cannot run containers: .*packages that are missing: podman, conmon, iptables/,
    apps: { vm: undefined },
  },
  {
    name: 'only-containers',
    without: ['/usr/bin/qemu-img', '/usr/sbin/nginx'],
    apps: {
      vm: /virtual machines need .*install the Debian package qemu-utils/,
      paths: /public port 443 needs the load balancer: .*packages that are missing: nginx/,
      web: undefined,
    },
  },
];

const APPS: Readonly<Record<string, string>> = {
  web: 'image_path: localhost/edgeplane/hello:1.0, image_type: ImageTypeDocker, access_ports: "tcp:8080", deployment: docker',
  paths:
    'image_path: localhost/edgeplane/hello:1.0, image_type: ImageTypeDocker, access_ports: "http:8080", deployment: docker',
  vm: 'image_path: edgeplane-hello.qcow2, image_type: ImageTypeQcow, access_ports: "tcp:8081", deployment: vm',
};

test('what a host lacks is named, with what cannot be done for it', async () => {
  const dir = tempDir('missing');
  const before = await hostSnapshot(dir.path);
  const images = await buildImages(dir.path);
  const controller = await startController(dir.path, 'memory');
  const { api = '', notify = '' } = controller.addresses;
  const edgectl = (args: readonly string[], input?: string) =>
    runCommand(join(ROOT, 'bin/edgectl'), ['--addr', api, 'controller', ...args], {
      ...(input === undefined ? {} : { input }),
      timeoutMs: 100_000,
    });
  const agents: Awaited<ReturnType<typeof startAgent>>[] = [];
  let failure: unknown;
  try {
    const starts = SITES.map(async ({ name, without }, i) => {
      const flags = ['--platform', 'local', '--image-dir', images, '--on-stop', 'stop'];
      const addr = ['--public-addr', `127.0.8.${i + 1}`];
      const cloudlet = { operator: 'op', name };
      agents.push(await startAgent(dir.path, notify, cloudlet, [...flags, ...addr], without));
    });
    const failed = (await Promise.allSettled(starts)).find((start) => start.status === 'rejected');
    if (failed) throw failed.reason;
    const made = await edgectl(
      ['create', '-f', '-'],
      `
flavors: [{ key: { name: small }, ram: 128, vcpus: 1, disk: 1 }]
cloudlets:${SITES.map(
        ({ name }) => `
  - { key: { operator_key: { name: op }, name: ${name} }, location: { latitude: 48, longitude: 11 }, num_dynamic_ips: 3 }`,
      ).join('')}
apps:${Object.entries(APPS)
        .map(
          ([name, text]) => `
  - { key: { developer_key: { name: dev }, name: ${name}, version: "1.0" }, ${text}, default_flavor: { name: small } }`,
        )
        .join('')}
`,
    );
    assert.is(made.code, 0, made.stderr);
    await eventually('the agents are ready', async () => {
      const shown = (await edgectl(['ShowCloudletInfo'])).stdout;
      return shown.split('CloudletStateReady').length === SITES.length + 1;
    });
    const outcomes = SITES.map(async ({ name: site, apps, cluster: refused }) => {
      const cluster = (prefix: string) => [
        ...[`--key-${prefix}clusterkey-name`, 'c', `--key-${prefix}developer`, 'dev'],
        ...[`--key-${prefix}cloudletkey-operatorkey-name`, 'op', `--key-${prefix}cloudletkey-name`, site],
      ];
      const ends: string[] = [];
      const flags = ['--flavor-name', 'small', '--deployment', 'docker'];
      const made = await edgectl(['CreateClusterInst', ...cluster(''), ...flags]);
      if (refused ? !refused.test(made.stderr) : made.code !== 0) ends.push(`${site}: ${made.stderr}`);
      for (const [app, says] of Object.entries(apps)) {
        const key = ['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', app];
        const instance = [...key, '--key-appkey-version', '1.0', ...cluster('clusterinstkey-')];
        const { code, stderr } = await edgectl(['CreateAppInst', ...instance]);
        if (says ? code === 0 || !says.test(stderr) : code !== 0) ends.push(`${app} at ${site}: ${stderr}`);
        if (code === 0) ends.push((await edgectl(['DeleteAppInst', ...instance])).stderr);
      }
      return ends.filter((text) => text !== '');
    });
    assert.equal((await Promise.all(outcomes)).flat(), []);
  } catch (error) {
    failure = error;
  } finally {
    for (const agent of agents) await agent.stop(60_000);
    await controller.stop();
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
