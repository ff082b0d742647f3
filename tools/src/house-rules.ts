/** Refuses what the house rules forbid and no linter knows. Prints each finding; exit status 1 when there is one. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderFindings } from './folder-layers.js';
import { findings } from './house-rules-text.js';
import { layerFindings, type PackageFacts } from './layers.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter(Boolean);

const found: string[] = [];
for (const path of tracked.filter((p) => /\.(ts|tsx|mjs)$/.test(p) && !/(^|\/)gen\//.test(p))) {
  let text: string;
  try {
    text = readFileSync(join(root, path), 'utf8');
  } catch {
    continue; // deleted in the work tree, not yet in the index
  }
  found.push(...findings(path, text), ...folderFindings(path, text));
}
const packages: PackageFacts[] = tracked
  .filter((p) => p.endsWith('/package.json'))
  .map((p) => JSON.parse(readFileSync(join(root, p), 'utf8')) as PackageFacts);
found.push(...layerFindings(packages));
for (const line of found) process.stdout.write(`${line}\n`);
process.exitCode = found.length > 0 ? 1 : 0;
