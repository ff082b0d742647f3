import { execFile } from 'node:child_process';
import { copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A sample image: the script that builds it, and the name under which agents look for it. */
interface SampleImage {
  readonly script: string;
  readonly fileName: string;
}

const CONTAINER: SampleImage = {
  script: 'deploy/images/container/build.mjs',
  fileName: 'localhost_edgeplane_hello_1.0.tar',
};
const GUEST: SampleImage = { script: 'deploy/images/guest/build.sh', fileName: 'edgeplane-hello.qcow2' };

/**
 * Builds the sample images, or takes them from the cache, and puts them into an image directory for the agents.
 * @throws Error with the script's last words when one fails.
 */
export async function prepareImages(root: string, imageDir: string): Promise<void> {
  await mkdir(imageDir, { recursive: true });
  for (const image of [CONTAINER, GUEST]) {
    const built = await build(join(root, image.script));
    await place(built, join(imageDir, image.fileName));
  }
}

/** The scripts print the image's path and checksum as their last line. */
async function build(script: string): Promise<string> {
  try {
    const { stdout } = await run(script, [], { maxBuffer: 64 * 1024 * 1024 });
    const path = stdout
      .trim()
      .split('\n')
      .at(-1)
      ?.split(/\s+/)
      .find((word) => word.startsWith('/'));
    if (path === undefined) throw new Error('it named no image');
    return path;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const words = (stderr ?? '').trim().split('\n').slice(-3).join(' | ');
    throw new Error(`${script} failed: ${words || message}`);
  }
}

/** A hard link where the file system allows, else a copy; never a half-written file. */
async function place(from: string, to: string): Promise<void> {
  const [source, target] = await Promise.all([stat(from), stat(to).catch(() => undefined)]);
  if (
    target &&
    (target.ino === source.ino || (target.size === source.size && target.mtimeMs >= source.mtimeMs))
  )
    return;
  const partial = `${to}.${process.pid}`;
  await rm(partial, { force: true });
  await link(from, partial).catch(() => copyFile(from, partial));
  await rename(partial, to);
}
