import { fail } from '@edgeplane/base';
import { qemuErrors } from './errors.js';
import { FAT_CAPACITY, type FatFile, fatImage } from './fat.js';
import type { CloudInit } from './spec.js';

/** cloud-init finds its seed by this label. */
export const SEED_LABEL = 'cidata';

/** The files of a NoCloud seed. `user-data` is always there, as cloud-init refuses a seed without it; other documents are not. */
export function seedFiles(init: CloudInit): FatFile[] {
  const meta = { ...init.metaData, 'instance-id': init.instanceId, 'local-hostname': init.hostname };
  // A JSON string is a YAML double-quoted scalar.
  const lines = Object.entries(meta).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['meta-data', lines.join('')],
    ['user-data', init.userData ?? '#cloud-config\n'],
    ['network-config', init.networkConfig],
    ['vendor-data', init.vendorData],
  ];
  const own = init.documents ?? {};
  return texts.flatMap(([name, made]) => {
    const text = Object.hasOwn(own, name) ? own[name] : made;
    return text === undefined ? [] : [{ name, data: Buffer.from(text) }];
  });
}

/** The seed as a volume that a guest can mount: same input, same bytes. */
export function seedImage(init: CloudInit): Buffer {
  const files = seedFiles(init);
  const bytes = files.reduce((sum, file) => sum + file.data.length, 0);
  if (bytes > FAT_CAPACITY) throw fail(qemuErrors.seedTooLarge, { bytes, limit: FAT_CAPACITY });
  return fatImage(SEED_LABEL, files);
}
