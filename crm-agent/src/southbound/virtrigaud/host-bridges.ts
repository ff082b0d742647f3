import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isThere } from '@edgeplane/base';
import type { HostPaths } from '../../site/host-paths.js';

/** Names of the host's bridges. */
export async function hostBridges({ sys }: HostPaths): Promise<ReadonlySet<string>> {
  const net = join(sys, 'class', 'net');
  const names = await readdir(net).catch(() => []);
  const are = await Promise.all(names.map((name) => isThere(join(net, name, 'bridge'))));
  return new Set(names.filter((_, at) => are[at]));
}
