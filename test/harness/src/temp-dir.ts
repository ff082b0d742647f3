import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of a test's own, with a short path: unix sockets below it have at most 107 characters. */
export function tempDir(label: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `ep-${label}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
