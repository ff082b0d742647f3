import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@edgeplane/base';
import { runCommand } from './commands.js';

/** Puts a file in place whole or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.${process.pid}.new`, text, { mode: 0o600 });
  await rename(`${path}.${process.pid}.new`, path);
}

/** Mount points at or below one of `dirs`, the latest mount first. */
export async function mountsBelow(dirs: readonly string[]): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code: string) => octalChar(code)));
  return points.filter((point) => dirs.some((d) => point === d || point.startsWith(`${d}/`))).reverse();
}

const octalChar = (code: string): string => String.fromCharCode(Number.parseInt(code, 8));

export async function unmountBelow(dirs: readonly string[], logger: Logger): Promise<void> {
  for (const point of await mountsBelow(dirs)) {
    const plain = await runCommand('umount', [point]);
    if (plain.code === 0) continue;
    const lazy = await runCommand('umount', ['-l', point]);
    if (lazy.code !== 0) logger.warn({ mount: point, reason: lazy.stderr }, 'Mount stays');
  }
}
