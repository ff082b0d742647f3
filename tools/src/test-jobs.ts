import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One process to run. */
export interface Job {
  readonly name: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** No other serial job runs meanwhile. */
  readonly serial: boolean;
  /** Whether the output is uvu's; otherwise the exit status is one result. */
  readonly counts: boolean;
}

const DEFAULT_TIMEOUT_MS = 120_000;
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'gen', '.git', '.edgeplane', 'coverage']);

function check(name: string, ...command: string[]): Job {
  return { name: `check: ${name}`, command, timeoutMs: 180_000, serial: false, counts: false };
}

/** House rules that a tool refuses. */
export const CHECKS: readonly Job[] = [
  check('types and layers', 'node_modules/.bin/tsc', '--build'),
  check('lint and format', 'node_modules/.bin/biome', 'check', '.'),
  check(
    'generated files',
    process.execPath,
    '--import',
    'tsx',
    '--conditions=source',
    'tools/src/gen.ts',
    '--check',
  ),
  check(
    'house rules',
    process.execPath,
    '--import',
    'tsx',
    '--conditions=source',
    'tools/src/house-rules.ts',
  ),
];

/** Paths of all test files, relative to the root, in order of name. */
export function findTestFiles(root: string): string[] {
  const found: string[] = [];
  const visit = (dir: string): void => {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
      const path = dir ? `${dir}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) visit(path);
      } else if (entry.name.endsWith('.test.ts')) found.push(path);
    }
  };
  visit('');
  return found.sort();
}

/** How to run one test file; reads its `// test:` comments. */
export function testJob(root: string, file: string): Job {
  const head = readFileSync(join(root, file), 'utf8').split('\n').slice(0, 30).join('\n');
  return {
    name: file,
    command: [process.execPath, '--import', 'tsx', '--conditions=source', file],
    timeoutMs: timeoutOf(head),
    serial: /^\/\/ test:.*\bserial\b/m.test(head),
    counts: true,
  };
}

/** Reads `timeout=90s` from a `// test:` comment; milliseconds. */
export function timeoutOf(head: string): number {
  const match = /^\/\/ test:.*\btimeout=(\d+)s\b/m.exec(head);
  return match ? Number(match[1]) * 1000 : DEFAULT_TIMEOUT_MS;
}

/** Reads uvu's closing figures; undefined when the output has none. */
export function uvuCounts(output: string): { total: number; passed: number; skipped: number } | undefined {
  const figure = (label: string) => {
    const matches = [...output.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'gm'))];
    return matches.reduce((sum, m) => sum + Number(m[1]), 0);
  };
  if (!/^\s*Total:\s+\d+/m.test(output)) return undefined;
  return { total: figure('Total'), passed: figure('Passed'), skipped: figure('Skipped') };
}
