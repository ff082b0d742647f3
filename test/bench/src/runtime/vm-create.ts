import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { OBJECTS } from '@edgeplane/objects';
import { AppInstApiClient } from '@edgeplane/proto/edgeproto/app_inst.js';
import { callStream, connect } from '@edgeplane/rpc';
import { runCommand } from '@edgeplane/test-harness';
import { type Bench, durationFigure, median } from '../figures.js';
import { appInst } from '../samples.js';
import { GUEST_IMAGE, PUBLIC_ADDRESS, withLocalSite } from './local-site.js';
import { page } from './page.js';

const ROUNDS = 3;

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

function vmCreate(): Promise<readonly [ours: number, bare: number]> {
  return withLocalSite(async ({ dir, api, images }) => {
    const image = join(images, GUEST_IMAGE);
    const client = connect(AppInstApiClient, api);
    try {
      const ours: number[] = [];
      const bare: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await bareQemu(dir, image, 18_080 + round, round));
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
    }
  });
}

/** From the API call to the page of the guest, beside QEMU by hand. */
export const vmCreateBench: Bench = {
  group: 'runtime',
  name: 'VM AppInst from the API call to its page, beside bare QEMU',
  async run() {
    const [ours, bare] = await vmCreate();
    return [durationFigure('runtime.vm-create-to-page', ours, bare, 1.15)];
  },
};
