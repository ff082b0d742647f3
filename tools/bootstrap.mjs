#!/usr/bin/env node
import { spawn, spawnSync } from 'node:child_process';
// What `npm start`, `npm test` and `npm run bench` do before anything is installed: pnpm, packages, build. Then the
// command itself. Plain JavaScript without dependencies.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './debian-packages.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const PNPM = 'pnpm@10.34.9';

const COMMANDS = {
  start: { packages: ['runtime', 'images'], run: ['deploy/quickstart/dist/main.js'] },
  test: { packages: ['runtime', 'images', 'test'], run: ['tools/dist/test-runner.js'] },
  'campaign:crash': { packages: ['runtime', 'images', 'test'], run: ['test/campaign/dist/main.js'] },
  'campaign:vm-cluster': { packages: ['runtime', 'images'], run: ['crm-agent/dist/campaign/main.js'] },
  'fuzz:notify': { packages: [], run: ['shared/notify/dist/fuzz/main.js'] },
  'sim:mutations': { packages: [], run: ['test/sim/dist/mutations-main.js'] },
  sim: { packages: [], run: ['test/sim/dist/main.js'] },
  bench: { packages: ['runtime', 'images', 'test'], run: ['test/bench/dist/main.js'] },
};

function log(text) {
  process.stderr.write(`edgeplane: ${text}\n`);
}

function fail(text) {
  log(text);
  process.exit(1);
}

/** Runs a command of the preparation; its output is shown only when it fails. */
function prepare(what, command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  fail(`${what} failed${error ? `: ${error.message}` : ` with status ${status}`}`);
}

function installNodePackages() {
  const manifests = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json'].map((f) =>
    readFileSync(join(root, f)),
  );
  const want = createHash('sha256').update(Buffer.concat(manifests)).digest('hex');
  const stamp = join(root, 'node_modules', '.edgeplane-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  log('installing npm packages');
  prepare('pnpm install', 'npx', ['--yes', PNPM, 'install', '--frozen-lockfile', '--ignore-scripts']);
  writeFileSync(stamp, want);
}

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) fail(`unknown command "${name}"; one of ${Object.keys(COMMANDS).join(', ')}`);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11))
  fail(`Node.js 20.11 or newer is needed, this is ${process.version}`);

installNodePackages();
prepare('build', join(root, 'node_modules', '.bin', 'tsc'), ['--build']);
const fake = name === 'start' && args.some((a) => /^--?fake$/.test(a));
const missing = fake || command.packages.length === 0 ? [] : installPackages(command.packages, log);
for (const pkg of missing) log(`Debian package ${pkg.name} is missing: ${pkg.without}`);
if (missing.length > 0 && name !== 'start' && process.env.CI) fail('a component is missing');

const child = spawn(process.execPath, ['--enable-source-maps', ...command.run, ...args], {
  cwd: root,
  stdio: 'inherit',
});
// The terminal sends Ctrl-C to the whole group; this process only waits for the other's orderly end.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
