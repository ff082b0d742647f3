/**
 * Generates everything that follows from the .proto files: ts-proto code, the object schema and the descriptor set
 * for gRPC reflection. `--check` generates aside and fails when the committed files differ.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descriptorSetSource } from './gen-descriptor-set.js';
import { GENERATED, MODULES } from './gen-modules.js';
import { codecsSource, schemaSource } from './gen-schema.js';
import { statesDocument } from './gen-states.js';

const toolsDir = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const root = resolve(toolsDir, '..');
const bin = (name: string) => join(toolsDir, 'node_modules', '.bin', name);

const TS_PROTO_OPTIONS = [
  'outputServices=grpc-js',
  'forceLong=bigint',
  'enumsAsLiterals=true',
  'importSuffix=.js',
  'esModuleInterop=true',
  'env=node',
  'useOptionals=none',
  'oneof=unions-value',
  'unrecognizedEnum=false',
  'useDate=false',
  'outputJsonMethods=false',
];

/** Code of .proto files that only hold options: nothing imports it. */
const OPTION_FILES = ['google/api', 'google/protobuf/descriptor.ts', 'edgeplane/options.ts'];

/** Generated files in folders that hold others too. */
const SINGLE_FILES = ['docs/states.md'];

function generate(out: string): void {
  for (const module of MODULES) {
    const target = join(out, module.out);
    mkdirSync(target, { recursive: true });
    const plugin = { local: bin('protoc-gen-ts_proto'), out: target, opt: TS_PROTO_OPTIONS };
    const template = { version: 'v2', plugins: [{ ...plugin, strategy: 'all', include_imports: true }] };
    const config = module.config ? ['--config', module.config] : [];
    buf(module.base, 'generate', module.path, ...config, '--template', JSON.stringify(template));
    for (const file of OPTION_FILES) rmSync(join(target, file), { recursive: true, force: true });
    if (module.described !== undefined) {
      const binary = join(out, 'described.binpb');
      buf(module.base, 'build', module.path, ...config, '--exclude-source-info', '-o', binary);
      const source = descriptorSetSource(readFileSync(binary), module.described);
      writeFileSync(join(target, 'descriptor-set.ts'), source);
      rmSync(binary);
    }
  }
  const core = join(out, 'core.binpb');
  buf('shared/proto', 'build', '.', '-o', core);
  const set = readFileSync(core);
  rmSync(core);
  mkdirSync(join(out, GENERATED.schema), { recursive: true });
  writeFileSync(join(out, GENERATED.schema, 'schema.ts'), schemaSource(set));
  writeFileSync(join(out, GENERATED.schema, 'codecs.ts'), codecsSource(set));
  writeFileSync(join(out, GENERATED.proto, 'descriptor-set.ts'), descriptorSetSource(set, 'the core APIs'));
  mkdirSync(join(out, 'docs'), { recursive: true });
  writeFileSync(join(out, 'docs/states.md'), statesDocument());
}

function buf(base: string, ...args: string[]): void {
  execFileSync(bin('buf'), args, { cwd: join(root, base), stdio: ['ignore', 'inherit', 'inherit'] });
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(dir, name)).isFile())
    .sort();
}

function differences(fresh: string): string[] {
  const result: string[] = [];
  for (const folder of Object.values(GENERATED)) {
    const want = filesBelow(join(fresh, folder));
    const have = filesBelow(join(root, folder));
    for (const name of want) {
      if (!have.includes(name)) result.push(`${folder}/${name} is missing`);
      else if (!readFileSync(join(fresh, folder, name)).equals(readFileSync(join(root, folder, name)))) {
        result.push(`${folder}/${name} differs`);
      }
    }
    for (const name of have)
      if (!want.includes(name)) result.push(`${folder}/${name} is no longer generated`);
  }
  for (const file of SINGLE_FILES) {
    const have = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
    if (have !== readFileSync(join(fresh, file), 'utf8')) result.push(`${file} differs`);
  }
  return result;
}

/** Brings the parts of documents that are made from the code up to date, or names those that are not. */
async function documents(check: boolean): Promise<string[]> {
  // Only now: it imports what has just been generated.
  const { docSections, withSection } = await import('./doc-sections.js');
  const stale: string[] = [];
  for (const section of docSections()) {
    const path = join(root, section.file);
    const have = readFileSync(path, 'utf8');
    const want = withSection(have, section);
    if (have === want) continue;
    stale.push(`${section.file}: ${section.name} differs`);
    if (!check) writeFileSync(path, want);
  }
  return stale;
}

const work = mkdtempSync(join(tmpdir(), 'edgeplane-gen-'));
try {
  generate(work);
  if (process.argv.includes('--check')) {
    const found = differences(work);
    if (found.length === 0) found.push(...(await documents(true)));
    for (const line of found) process.stderr.write(`${line}\n`);
    process.stdout.write(found.length === 0 ? 'generated files are up to date\n' : 'run: pnpm gen\n');
    process.exitCode = found.length === 0 ? 0 : 1;
  } else {
    for (const file of SINGLE_FILES) cpSync(join(work, file), join(root, file));
    for (const folder of Object.values(GENERATED)) {
      rmSync(join(root, folder), { recursive: true, force: true });
      cpSync(join(work, folder), join(root, folder), { recursive: true });
      process.stdout.write(
        `${relative(root, join(root, folder))}: ${filesBelow(join(root, folder)).length} files\n`,
      );
    }
    await documents(false);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
