import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '@edgeplane/test-harness';
import * as assert from 'uvu/assert';

/** An archive with an image of the files of a folder, in one layer. */
export async function archiveImage(
  folder: string,
  reference: string,
  images: string,
  dir: string,
): Promise<void> {
  const work = join(dir, 'archive');
  mkdirSync(work);
  const tar = async (...args: string[]) => {
    const { code, stderr } = await runCommand('tar', args);
    assert.is(code, 0, stderr);
  };
  await tar('-C', folder, '-cf', join(work, 'layer.tar'), '.');
  const digest = createHash('sha256')
    .update(readFileSync(join(work, 'layer.tar')))
    .digest('hex');
  const rootfs = { type: 'layers', diff_ids: [`sha256:${digest}`] };
  writeFileSync(
    join(work, 'config.json'),
    JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs }),
  );
  const manifest = [{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }];
  writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
  await tar('-C', work, '-cf', join(images, `${reference.replace(/[/:]/g, '_')}.tar`), '.');
}
