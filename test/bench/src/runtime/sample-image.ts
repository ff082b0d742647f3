import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runCommand } from '@edgeplane/test-harness';

/** The container image's name in an image directory. */
export const CONTAINER_FILE = 'localhost_edgeplane_hello_1.0.tar';

/** Builds a sample image by a script of `deploy/images`, or takes it from the cache. */
export async function sampleImage(script: string, to: string): Promise<void> {
  const built = await runCommand(join(ROOT, 'deploy/images', script), [], { timeoutMs: 600_000 });
  const path = built.stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '';
  if (built.code !== 0 || path === '') throw new Error(`${script}: ${built.stderr.slice(-500)}`);
  copyFileSync(path, to);
}
