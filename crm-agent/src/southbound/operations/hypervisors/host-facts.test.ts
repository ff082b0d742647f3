import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFacts } from './host-facts.js';

const dir = mkdtempSync(join(tmpdir(), 'host-facts-'));
test.after(() => rmSync(dir, { recursive: true }));

function write(path: string, text = ''): void {
  mkdirSync(join(dir, path, '..'), { recursive: true });
  writeFileSync(join(dir, path), text);
}

test('all memory counts, and those GPUs that something can compute with', async () => {
  write(
    'proc/meminfo',
    'MemTotal: 4194304 kB\nMemAvailable: 1 kB\nHugePages_Total: 512\nHugepagesize: 2048 kB\n',
  );
  const device = (address: string, pciClass: string, vendor: string, id: string, node?: string) => {
    const at = `sys/bus/pci/devices/${address}`;
    write(`${at}/class`, `${pciClass}\n`);
    write(`${at}/vendor`, `${vendor}\n`);
    write(`${at}/device`, `${id}\n`);
    if (node === undefined) return;
    mkdirSync(join(dir, at, 'drm', node), { recursive: true });
    write(`dev/dri/${node}`);
  };
  device('0000:01:00.0', '0x030200', '0x10de', '0x2236', 'renderD128');
  device('0000:02:00.0', '0x030000', '0x1a03', '0x2000');
  device('0000:03:00.0', '0x020000', '0x8086', '0x10fb');
  device('0000:04:00.0', '0x030000', '0x1234', '0x1111', 'renderD129');
  const paths = { sys: join(dir, 'sys'), dev: join(dir, 'dev'), proc: join(dir, 'proc') };
  const { cpus, ...facts } = await readHostFacts(paths, true);
  assert.ok(cpus > 0);
  assert.equal(facts, {
    ...{ ramBytes: 4 * 1024 ** 3, storage: true },
    gpus: [
      { brand: 'NVIDIA', model: '2236' },
      { brand: '1234', model: '1111' },
    ],
  });
});

test.run();
