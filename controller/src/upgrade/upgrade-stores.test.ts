import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbStore, MemoryStore } from '@edgeplane/store';
import { test } from 'uvu';
import { upgradeConformance } from './conformance.js';

upgradeConformance(test, 'memory', async () => {
  const store = new MemoryStore();
  return { store, second: store.connect(), cleanup: () => store.close() };
});

upgradeConformance(test, 'lmdb', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ep-upgrade-'));
  const store = await LmdbStore.open(dir);
  const cleanup = async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  };
  return { store, second: store, cleanup };
});

test.run();
