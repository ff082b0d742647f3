import { mkdir, readFile, stat } from 'node:fs/promises';
import type { ImageTools } from './host-tool.js';

/** The loop device by which an image is mounted at a path; undefined when it is not. */
export async function mountedDevice(image: string, path: string): Promise<string | undefined> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const device = deviceAt(table, path);
  if (device === undefined) return undefined;
  const name = device.slice('/dev/'.length);
  const backing = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
  return backing.trim() === image ? device : undefined;
}

/** What is mounted on top at a path, by the text of /proc/self/mountinfo; only loop devices count. */
export function deviceAt(mountinfo: string, path: string): string | undefined {
  const sources = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    return unescaped(before.split(' ')[4] ?? '') === path ? [after.split(' ')[1] ?? ''] : [];
  });
  const top = sources.at(-1);
  return top?.startsWith('/dev/loop') ? top : undefined;
}

/** The kernel writes blanks and the like as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Mounts an image; its loop device goes with the mount. */
export async function mountImage(
  image: string,
  path: string,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await tools.run('mount', ['-o', 'loop,nodev,nosuid', image, path], signal);
}

/** Answers why not; undefined when it is not mounted any more. */
export async function unmount(
  path: string,
  tools: ImageTools,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { code, complaint } = await tools.try('umount', [path], signal);
  return code === 0 ? undefined : complaint;
}

/** Bytes that an image takes on its disk just now. */
export async function allocatedBytes(image: string): Promise<bigint> {
  return (await stat(image, { bigint: true })).blocks * 512n;
}
