import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ExportDiskRequest } from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary } from '@edgeplane/rpc';
import { runCommand } from '@edgeplane/test-harness';
import { type Bench, durationFigure, median } from '../figures.js';
import { createMachine, makeImage, type ProviderSite, taskDone, withProvider } from './provider-site.js';

const IMAGE = 'large.qcow2';
const ROUNDS = 3;

/** An image of its own made of another, by hand, with the digest that an export has too. */
async function byHand(from: string, to: string, compress: boolean): Promise<void> {
  const convert = `qemu-img convert ${compress ? '-c' : ''} -f qcow2 -O qcow2 "$1" "$2" && sync "$2" && sha256sum "$2"`;
  const { code, stderr } = await runCommand('sh', ['-c', convert, 'sh', from, to], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`qemu-img: ${stderr}`);
}

async function exported(
  { client }: ProviderSite,
  vmId: string,
  path: string,
  compress: boolean,
): Promise<void> {
  const request = { vmId, destinationUrl: `file://${path}`, format: 'qcow2', compress };
  const { task } = await callUnary(client, 'exportDisk', ExportDiskRequest.fromPartial(request));
  await taskDone(client, task);
}

/** From the call of ExportDisk until its task is done, beside qemu-img and sha256sum alone. */
export const exportBench: Bench = {
  group: 'southbound',
  name: 'ExportDisk beside qemu-img',
  async run({ exportMb }) {
    return withProvider(async (site) => {
      const image = join(site.images, IMAGE);
      await makeImage(image, exportMb, exportMb * 2);
      const id = await createMachine(site.client, 'exported', IMAGE);
      const out = join(site.dir, 'out');
      mkdirSync(out);
      const ours: number[] = [];
      const bare: number[] = [];
      const timed = async (work: Promise<void>) => {
        const started = performance.now();
        await work;
        return performance.now() - started;
      };
      for (let round = 0; round < ROUNDS; round++) {
        bare.push(await timed(byHand(image, join(out, `bare-${round}.qcow2`), false)));
        ours.push(await timed(exported(site, id, join(out, `ours-${round}.qcow2`), false)));
      }
      return [durationFigure('southbound.export', median(ours), median(bare), 1.25)];
    });
  },
};
