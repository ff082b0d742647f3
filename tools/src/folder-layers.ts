import { posix } from 'node:path';

/** What a folder inside a package never imports from; tests may. Between packages, see layers.ts. */
const NEVER: readonly (readonly [folder: string, never: readonly string[]])[] = [
  ['crm-agent/src/engines', ['crm-agent/src/drivers', 'crm-agent/src/southbound', 'crm-agent/src/exec']],
  ['crm-agent/src/southbound', ['crm-agent/src/drivers']],
  ['crm-agent/src/drivers', ['crm-agent/src/southbound']],
];

const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** Imports of one source file that point the wrong way inside its package. */
export function folderFindings(path: string, text: string): string[] {
  if (/(\.test|(^|\/)testing[^/]*)\.ts$/.test(path)) return [];
  const forbidden = NEVER.filter(([folder]) => within(path, folder)).flatMap(([, never]) => never);
  if (forbidden.length === 0) return [];
  const out: string[] = [];
  for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
    const imported = posix.join(posix.dirname(path), target);
    const wrong = forbidden.find((folder) => within(imported, folder));
    if (wrong !== undefined) out.push(`${path}: must not import from ${wrong}: ${target}`);
  }
  return out;
}
