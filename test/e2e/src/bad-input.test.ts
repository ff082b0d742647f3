// test: timeout=180s
/** What users get wrong: each a clear text and the right exit status, nothing half-done. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { ROOT, runCommand, startController, tempDir } from '@edgeplane/test-harness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const bad = suite<{ dir: ReturnType<typeof tempDir> }>('bad input');

bad.before((context) => {
  context.dir = tempDir('bad');
});

bad.after((context) => {
  context.dir.remove();
});

const bin = (program: string, args: string[], cwd: string) =>
  runCommand(join(ROOT, 'bin', program), args, { cwd, timeoutMs: 60_000 });

for (const program of ['controller', 'crm-agent', 'dme']) {
  bad(`${program}: --help, --version, and an unknown flag by name`, async ({ dir }) => {
    const help = await bin(program, ['--help'], dir.path);
    assert.is(help.code, 0);
    assert.match(help.stdout, '--notify-addr');
    const version = await bin(program, ['--version'], dir.path);
    assert.match(version.stdout, /^\S+ \d+\.\d+\.\d+\n$/);
    const unknown = await bin(program, ['--no-such-flag'], dir.path);
    assert.is(unknown.code, 2);
    assert.match(unknown.stderr, /unknown flag --no-such-flag/);
  });
}

bad('edgectl: an unknown flag and an unknown call', async ({ dir }) => {
  assert.is((await bin('edgectl', ['controller', 'ShowFlavor', '--nosuch', 'x'], dir.path)).code, 2);
  assert.is((await bin('edgectl', ['controller', 'ShowNothing'], dir.path)).code, 2);
});

bad('controller: an unreachable etcd is named', async ({ dir }) => {
  const { code, stderr } = await bin(
    'controller',
    ['--etcdUrls', 'http://127.0.0.1:1', '--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0'],
    dir.path,
  );
  assert.is(code, 1);
  assert.match(stderr, /http:\/\/127\.0\.0\.1:1/);
});

bad('controller: a wrong --store', async ({ dir }) => {
  const { code, stderr } = await bin('controller', ['--store', 'floppy:a'], dir.path);
  assert.is(code, 2);
  assert.match(stderr, /floppy:a/);
});

bad('controller: a port in use is named', async ({ dir }) => {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await bin(
    'controller',
    ['--store', 'memory', '--apiAddr', `127.0.0.1:${port}`, '--notifyAddr', '127.0.0.1:0'],
    dir.path,
  );
  server.close();
  assert.is(code, 1);
  assert.match(stderr, `127.0.0.1:${port}`);
  assert.not.match(stderr, /^E /m, 'the gRPC library says nothing of its own');
});

bad('controller: a corrupt lmdb file is refused, and left as it is', async ({ dir }) => {
  const store = join(dir.path, 'corrupt');
  mkdirSync(store);
  writeFileSync(join(store, 'store.mdb'), Buffer.alloc(65536, 'not a database '));
  const { code, stderr } = await bin(
    'controller',
    ['--store', `lmdb:${store}`, '--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0'],
    dir.path,
  );
  assert.is(code, 1);
  assert.match(stderr, store);
});

bad('agent: a cloudlet key that is none', async ({ dir }) => {
  for (const key of ['{"operator_key":', '{"name":"x"}', '']) {
    const { code, stderr } = await bin(
      'crm-agent',
      ['--platform', 'fakecloudlet', '--cloudletKey', key],
      dir.path,
    );
    assert.is.not(code, 0);
    assert.ok(stderr.length > 10, `key ${key}: ${stderr}`);
  }
});

const FILES: readonly (readonly [string, string, RegExp])[] = [
  ['unreadable YAML', 'flavors:\n  - key: { name: a\n    ram: 5\n', /bad\.yaml.*[23]/s],
  ['an unknown member', 'flavors:\n  - key: { name: a }\n    rum: 5\n', /bad\.yaml.*3.*rum/s],
  ['a wrong type', 'flavors:\n  - key: { name: a }\n    ram: lots\n', /bad\.yaml.*3.*ram/s],
  ['an unknown enum value', 'apps:\n  - key: { name: a }\n    image_type: Floppy\n', /bad\.yaml.*3.*Floppy/s],
  ['an unknown list', 'flavours:\n  - key: { name: a }\n', /bad\.yaml.*1.*flavours/s],
];

for (const [what, text, pattern] of FILES) {
  bad(`edgectl create -f: ${what} is told with file and line, and nothing is created`, async ({ dir }) => {
    const file = join(dir.path, 'bad.yaml');
    writeFileSync(file, `${text}`);
    const { code, stderr } = await bin(
      'edgectl',
      ['--addr', '127.0.0.1:1', 'controller', 'create', '-f', file],
      dir.path,
    );
    assert.is(code, 2, stderr);
    assert.match(stderr, pattern);
  });
}

bad('edgectl: a file that is not there, and a controller that is not there', async ({ dir }) => {
  const missing = await bin('edgectl', ['controller', 'create', '-f', 'nowhere.yaml'], dir.path);
  assert.is.not(missing.code, 0);
  assert.match(missing.stderr, /nowhere\.yaml/);
  const away = await bin('edgectl', ['--addr', '127.0.0.1:1', 'controller', 'ShowFlavor'], dir.path);
  assert.is(away.code, 1);
  assert.match(away.stderr, /127\.0\.0\.1:1/);
});

bad('controller: bad requests name the rule, and store nothing', async ({ dir }) => {
  const controller = await startController(dir.path, 'memory');
  try {
    const run = (...args: string[]) =>
      bin('edgectl', ['--addr', controller.addresses['api'] ?? '', 'controller', ...args], dir.path);
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['CreateFlavor', '--key-name', 'a;b'], /Invalid flavor name/],
      [['CreateFlavor', '--key-name', 'f', '--ram', '1', '--vcpus', '1'], /Disk cannot be 0/],
      [
        ['CreateCloudlet', '--key-name', 'c', '--key-operatorkey-name', 'o'],
        /Must specify at least one dynamic public IP available/,
      ],
      [['DeleteFlavor', '--key-name', 'f'], /Key not found/],
    ];
    for (const [args, pattern] of cases) {
      const { code, stderr } = await run(...args);
      assert.is(code, 1);
      assert.match(stderr, pattern);
    }
    assert.is((await run('ShowFlavor')).stdout, '');
    assert.is((await run('ShowCloudlet')).stdout, '');
  } finally {
    await controller.stop();
  }
});

bad.run();
