import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startAgent, startController, tempDir } from '@edgeplane/test-harness';
import { createAll, SITE } from '../samples.js';
import { CONTAINER_FILE, sampleImage } from './sample-image.js';

export const PUBLIC_ADDRESS = '127.0.8.1';
export const GUEST_IMAGE = 'edgeplane-hello.qcow2';

export interface LocalSite {
  readonly dir: string;
  readonly api: string;
  /** The folder with the sample images. */
  readonly images: string;
  /** State of the local driver. */
  readonly state: string;
}

/** Runs `work` with a controller and the agent of a site with real containers and machines, each a process of its own. */
export async function withLocalSite<T>(work: (site: LocalSite) => Promise<T>): Promise<T> {
  const dir = tempDir('blocal');
  const images = join(dir.path, 'images');
  mkdirSync(images);
  await sampleImage('guest/build.sh', join(images, GUEST_IMAGE));
  await sampleImage('container/build.mjs', join(images, CONTAINER_FILE));
  const controller = await startController(dir.path, `lmdb:${join(dir.path, 'store')}`);
  const { api = '', notify = '' } = controller.addresses;
  const agent = await startAgent(dir.path, notify, SITE, [
    ...['--platform', 'local', '--image-dir', images, '--public-addr', PUBLIC_ADDRESS, '--on-stop', 'stop'],
  ]);
  try {
    await createAll(api);
    return await work({ dir: dir.path, api, images, state: join(dir.path, `agent-${SITE.name}`, 'local') });
  } finally {
    await agent.stop(60_000);
    await controller.stop();
    dir.remove();
  }
}
