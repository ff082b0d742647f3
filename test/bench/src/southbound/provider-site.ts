import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateRequest,
  ProviderClient,
  type TaskRef,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary, connect } from '@edgeplane/rpc';
import { eventually, runCommand } from '@edgeplane/test-harness';
import { type DoorsSite, withDoors } from './doors-site.js';

const LIMIT_MS = 600_000;
const IMAGES = 'images';

export interface ProviderSite extends DoorsSite {
  readonly client: ProviderClient;
  readonly images: string;
}

/** Runs `work` with an agent whose only door is the provider. */
export function withProvider<T>(work: (site: ProviderSite) => Promise<T>): Promise<T> {
  const flags = (dir: string) => {
    const images = join(dir, IMAGES);
    mkdirSync(images);
    return [
      '--virtrigaud-addr',
      '127.0.0.1:0',
      '--virtrigaud-insecure',
      '--image-dir',
      images,
      '--virtrigaud-file-dirs',
      dir,
    ];
  };
  return withDoors(flags, async (site) => {
    const options = { maxReceiveBytes: 64 * 1024 * 1024 };
    const client = connect(ProviderClient, site.address('virtrigaud'), undefined, options);
    try {
      return await work({ ...site, client, images: join(site.dir, IMAGES) });
    } finally {
      client.close();
    }
  });
}

/** Creates a machine, switched off, whose disk is an image of the site. @returns its id */
export async function createMachine(client: ProviderClient, name: string, image: string): Promise<string> {
  const created = await callUnary(
    client,
    'create',
    CreateRequest.fromPartial({
      name,
      classJson: JSON.stringify({ cpu: 1, memoryMiB: 128 }),
      imageJson: JSON.stringify({ path: image, format: 'qcow2' }),
      networksJson: '[]',
      disksJson: '[]',
    }),
  );
  await taskDone(client, created.task);
  return created.id;
}

/** Waits for a task; none is done. @throws Error with what the task failed with */
export async function taskDone(client: ProviderClient, task: TaskRef | undefined): Promise<void> {
  if (!task || task.id === '') return;
  const once = async () => {
    const { done, error } = await callUnary(client, 'taskStatus', { task });
    if (error !== '') throw new Error(`task ${task.id}: ${error}`);
    return done;
  };
  await eventually(`task ${task.id}`, once, LIMIT_MS);
}

/** Makes an image with so many bytes that cannot be compressed. */
export async function makeImage(path: string, dataMb: number, virtualMb: number): Promise<void> {
  const raw = `${path}.raw`;
  const script = `head -c ${dataMb}M /dev/urandom > "$1" && truncate -s ${virtualMb}M "$1" && qemu-img convert -f raw -O qcow2 "$1" "$2" && rm "$1"`;
  const { code, stderr } = await runCommand('sh', ['-c', script, 'sh', raw, path], { timeoutMs: LIMIT_MS });
  if (code !== 0) throw new Error(`making ${path}: ${stderr}`);
}
