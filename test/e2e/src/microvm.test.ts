// test: timeout=240s serial
/** A container image, in an OCI layout, becomes a virtual machine that tells which instance it is and serves a page. */
import { symlinkSync } from 'node:fs';
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
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildImages } from './site.js';

const PUBLIC = '127.0.7.4';

const instance = (prefix: string) => [
  ...[`--key-${prefix}clusterkey-name`, 'c', `--key-${prefix}developer`, 'dev'],
  ...[`--key-${prefix}cloudletkey-operatorkey-name`, 'op', `--key-${prefix}cloudletkey-name`, 'site'],
];
const APP = [
  ...['--key-appkey-developerkey-name', 'dev', '--key-appkey-name', 'web', '--key-appkey-version', '1.0'],
  ...instance('clusterinstkey-'),
];

async function page(port: number, path: string): Promise<string> {
  const answer = await fetch(`http://${PUBLIC}:${port}${path}`, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.text();
}

test('an image of a layout is created, reached, measured and deleted as a microVM', async () => {
  const before = await hostSnapshot('/tmp/ep-microvm');
  const dir = tempDir('microvm');
  const images = await buildImages(dir.path);
  const built = await runCommand(join(ROOT, 'deploy/images/microvm/build.sh'), []);
  assert.is(built.code, 0, built.stderr);
  symlinkSync(built.stdout.trim().split(' ')[0] ?? '', join(images, 'edgeplane-microvm'));
  const layout = join(dir.path, 'layout');
  const archive = join(images, 'localhost_edgeplane_hello_1.0.tar');
  const copied = await runCommand('skopeo', [
    ...['copy', '-q', '--insecure-policy', `docker-archive:${archive}`, `oci:${layout}:hello`],
  ]);
  assert.is(copied.code, 0, copied.stderr);
  const httpPort = await freePort();
  const controller = await startController(dir.path, 'memory');
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, { operator: 'op', name: 'site' }, [
    ...['--platform', 'microvm', '--image-dir', images, '--public-addr', PUBLIC, '--on-stop', 'stop'],
    ...['--http-port', String(httpPort), '--metrics-interval', '1s'],
  ]);
  const edgectl = async (args: readonly string[], input?: string) => {
    const all = ['--addr', api, '--output-format', 'json', 'controller', ...args];
    const options = { ...(input === undefined ? {} : { input }), timeoutMs: 120_000 };
    const { code, stdout, stderr } = await runCommand(join(ROOT, 'bin/edgectl'), all, options);
    assert.is(code, 0, `${args[0]}: ${stderr}`);
    return stdout;
  };
  let failure: unknown;
  try {
    await eventually('the agent is ready', async () =>
      /CloudletStateReady|"state": 2/.test(await edgectl(['ShowCloudletInfo'])),
    );
    await edgectl(
      ['create', '-f', '-'],
      `
flavors:
  - { key: { name: small }, ram: 192, vcpus: 1, disk: 1 }
cloudlets:
  - { key: { operator_key: { name: op }, name: site }, location: { latitude: 48, longitude: 11 }, num_dynamic_ips: 3 }
apps:
  - key: { developer_key: { name: dev }, name: web, version: "1.0" }
    image_path: "oci:${layout}"
    image_type: ImageTypeDocker
    deployment: docker
    access_ports: tcp:8080,http:8080
    default_flavor: { name: small }
`,
    );
    await edgectl(['CreateClusterInst', ...instance(''), '--flavor-name', 'small', '--deployment', 'docker']);
    await edgectl(['CreateAppInst', ...APP]);
    const shown = await edgectl(['ShowAppInst']);
    const port = Number(/"public_port":\s*(\d+)/.exec(shown)?.[1]);
    const path = /"path_prefix":\s*"([^"]+)"/.exec(shown)?.[1] ?? '';
    const mine = /env EDGE_INSTANCE_ID: (ep-[0-9a-f]{12})\n/;
    const id = mine.exec(await eventually('a page', () => page(port, '/'), 90_000))?.[1];
    assert.ok(id, 'the guest tells which instance it is');
    assert.match(await eventually('a path', () => page(httpPort, `/${path}/`)), id);
    await eventually('it is measured', async () =>
      /"cpu_nanos":\s*"?[1-9]/.test(await edgectl(['ShowAppInstMetrics'])),
    );
    await edgectl(['DeleteAppInst', ...APP]);
    await edgectl(['DeleteClusterInst', ...instance('')]);
    const left = (await hostSnapshot(dir.path)).processes.filter((p) => /qemu-system|nginx/.test(p));
    assert.equal(left, []);
  } catch (error) {
    failure = error;
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    assert.equal(await leftBehind(before, dir, failure), NOTHING_LEFT);
  }
});

test.run();
