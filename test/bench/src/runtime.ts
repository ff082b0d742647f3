import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { eventually, ROOT, runCommand, startAgent, startController, tempDir } from '@edgeplane/test-harness';
import { type Bench, durationFigure, median } from './figures.js';
import { appInst, createAll, SITE } from './samples.js';

const ROUNDS = 3;
const BOOT_LIMIT_MS = 180_000;
const PUBLIC_ADDRESS = '127.0.8.1';

/** Resolves when a page is served. */
async function page(host: string, port: number): Promise<void> {
  const once = () =>
    new Promise<boolean>((resolve) => {
      const req = request({ host, port, path: '/', timeout: 1000, agent: false }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode === 200));
      });
      req.on('timeout', () => req.destroy());
      req.on('error', () => resolve(false));
      req.end();
    });
  await eventually('the guest serves its page', once, BOOT_LIMIT_MS);
}

async function buildGuestImage(): Promise<string> {
  const built = await runCommand(join(ROOT, 'deploy/images/guest/build.sh'), [], { timeoutMs: 600_000 });
  const path = built.stdout
    .trim()
    .split('\n')
    .at(-1)
    ?.split(/\s+/)
    .find((word) => word.startsWith('/'));
  if (built.code !== 0 || path === undefined) throw new Error(`guest image: ${built.stderr.slice(-500)}`);
  return path;
}

/** An overlay, QEMU by hand, and the wait for the page. */
async function bareQemu(dir: string, image: string, port: number, round: number): Promise<number> {
  const overlay = join(dir, `bare-${round}.qcow2`);
  const started = performance.now();
  await runCommand('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', overlay]);
  const child: ChildProcess = spawn(
    'qemu-system-x86_64',
    [
      ...[
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-machine',
        'q35',
        '-accel',
        'tcg',
        '-cpu',
        'max',
      ],
      ...['-smp', '1', '-m', '256', '-drive', `file=${overlay},if=virtio,format=qcow2`],
      ...['-netdev', `user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:8080`, '-device', 'virtio-net-pci,netdev=n0'],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    await page('127.0.0.1', port);
    return performance.now() - started;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

async function vmCreate(): Promise<readonly [ours: number, bare: number]> {
  const dir = tempDir('bvm');
  const image = await buildGuestImage();
  const imageDir = join(dir.path, 'images');
  mkdirSync(imageDir);
  copyFileSync(image, join(imageDir, 'edgeplane-hello.qcow2'));
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, SITE, [
    ...['--platform', 'local', '--image-dir', imageDir, '--public-addr', PUBLIC_ADDRESS, '--on-stop', 'stop'],
  ]);
  const client = connect(AppInstApiClient, api);
  try {
    await createAll(api);
    const ours: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await bareQemu(dir.path, image, 18_080 + round, round));
      const started = performance.now();
      for await (const _ of callStream(client, 'createAppInst', appInst('vm', 'vm')));
      const shown = callStream(client, 'showAppInst', OBJECTS.AppInst.empty());
      for await (const inst of shown) await page(PUBLIC_ADDRESS, inst.mappedPorts[0]?.publicPort ?? 0);
      ours.push(performance.now() - started);
      for await (const _ of callStream(client, 'deleteAppInst', appInst('vm', 'vm')));
    }
    return [median(ours), median(bare)];
  } finally {
    client.close();
    await agent.stop(60_000);
    await controller.stop();
    dir.remove();
  }
}

export const runtimeBenches: readonly Bench[] = [
  {
    group: 'runtime',
    name: 'VM AppInst from the API call to its page, beside bare QEMU',
    async run() {
      const [ours, bare] = await vmCreate();
      return [durationFigure('runtime.vm-create-to-page', ours, bare, 1.15)];
    },
  },
];
