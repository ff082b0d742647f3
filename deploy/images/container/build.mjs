#!/usr/bin/env node
/**
 * Builds the sample container image of Debian's busybox-static and the files beside this script: a web page that
 * says which instance it is, and a UDP echo. No registry, no container tool and no root is needed.
 *
 *   build.mjs [CACHE_DIR]      default: $EDGEPLANE_CACHE, else ~/.cache/edgeplane/images
 *
 * Progress goes to standard error; the last line on standard output is "<path> <sha256>" of a docker-archive that
 * loads as localhost/edgeplane/hello:1.0. The file is named after a hash of all that goes in and appears by rename;
 * its bytes depend on nothing else, so concurrent runs can only replace it with itself.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tarOf } from './tar.mjs';

const IMAGE = 'localhost/edgeplane/hello:1.0';
const here = import.meta.dirname;
const cache = resolve(
  process.argv[2] ?? process.env.EDGEPLANE_CACHE ?? join(homedir(), '.cache/edgeplane/images'),
);
const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const say = (text) => process.stderr.write(`container image: ${text}\n`);

/** Debian's busybox-static, from this machine when installed, else from the archive. */
function busybox() {
  const installed = /^Status: .* installed$/m.test(run('dpkg-query', ['-s', 'busybox-static']));
  if (installed) return readFileSync('/bin/busybox');
  say('busybox-static is not installed: downloading the package');
  const dir = mkdtempSync(join(tmpdir(), 'edgeplane-busybox-'));
  try {
    execFileSync('apt-get', ['-q', 'download', 'busybox-static'], { cwd: dir, stdio: ['ignore', 2, 2] });
    const deb = readdirSync(dir).find((name) => name.endsWith('.deb'));
    if (!deb) throw new Error('apt-get download busybox-static left no .deb');
    execFileSync('dpkg-deb', ['-x', deb, 'out'], { cwd: dir, stdio: ['ignore', 2, 2] });
    const found = ['out/bin/busybox', 'out/usr/bin/busybox']
      .map((p) => join(dir, p))
      .find((p) => existsSync(p));
    if (!found) throw new Error(`${deb} holds no busybox`);
    return readFileSync(found);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Output of a query that may fail; a failure reads as empty. */
function run(file, args) {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

/** The 400-byte echo server, written as commented hexadecimal; shared with the guest image. */
function udpEcho() {
  const text = readFileSync(join(here, '../guest/rootfs/usr/lib/edgeplane/udp-echo.hex'), 'utf8');
  return Buffer.from(text.replace(/#.*$/gm, '').replace(/\s+/g, ''), 'hex');
}

function layerOf(box, applets) {
  const file = (path, mode, data) => ({ path, mode, data });
  const own = (path, mode) => file(path, mode, readFileSync(join(here, 'rootfs', path)));
  return tarOf([
    ...['bin/', 'dev/', 'etc/', 'proc/', 'root/', 'sys/', 'var/', 'www/', 'www/cgi-bin/'].map((p) =>
      file(p, 0o755),
    ),
    file('tmp/', 0o1777),
    file('bin/busybox', 0o755, box),
    ...applets.map((name) => ({ path: `bin/${name}`, mode: 0o777, link: 'busybox' })),
    file('bin/udp-echo', 0o755, udpEcho()),
    own('bin/start', 0o755),
    file(
      'etc/passwd',
      0o644,
      Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    ),
    file('etc/group', 0o644, Buffer.from('root:x:0:\nnogroup:x:65534:\n')),
    own('www/healthz', 0o644),
    own('www/cgi-bin/index.cgi', 0o755),
  ]);
}

function archiveOf(layer) {
  const diffId = sha256(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Env: ['PATH=/bin', 'PORT=8080', 'APP_NAME=hello'],
        Entrypoint: ['/bin/start'],
        WorkingDir: '/',
        ExposedPorts: { '8080/tcp': {}, '8080/udp': {} },
        StopSignal: 'SIGTERM',
        Labels: { 'org.opencontainers.image.title': 'edgeplane hello' },
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'deploy/images/container/build.mjs' }],
    }),
  );
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [IMAGE], Layers: [`${diffId}.tar`] }];
  return tarOf([
    { path: `${diffId}.tar`, mode: 0o644, data: layer },
    { path: configName, mode: 0o644, data: config },
    { path: 'manifest.json', mode: 0o644, data: Buffer.from(JSON.stringify(manifest)) },
  ]);
}

function build() {
  if (process.arch !== 'x64')
    throw new Error(`the echo server is x86-64 machine code; this machine is ${process.arch}`);
  mkdirSync(cache, { recursive: true });
  const box = busybox();
  const own = [
    'build.mjs',
    'tar.mjs',
    'rootfs/bin/start',
    'rootfs/www/healthz',
    'rootfs/www/cgi-bin/index.cgi',
  ];
  const inputs = [box, udpEcho(), ...own.map((name) => readFileSync(join(here, name)))];
  const target = join(cache, `edgeplane-hello-${sha256(inputs.map(sha256).join('\n')).slice(0, 16)}.tar`);
  if (existsSync(target) && statSync(target).size > 0) {
    say('cached');
    return target;
  }
  const dir = mkdtempSync(join(tmpdir(), 'edgeplane-applets-'));
  try {
    const program = join(dir, 'busybox');
    writeFileSync(program, box, { mode: 0o755 });
    const applets = run(program, ['--list'])
      .split('\n')
      .filter((name) => name && name !== 'busybox')
      .sort();
    if (!applets.includes('httpd')) throw new Error('this busybox has no httpd');
    const partial = `${target}.${process.pid}.partial`;
    writeFileSync(partial, archiveOf(layerOf(box, applets)));
    renameSync(partial, target);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  say('built');
  return target;
}

try {
  const path = build();
  process.stdout.write(`${path} ${sha256(readFileSync(path))}\n`);
} catch (error) {
  say(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
