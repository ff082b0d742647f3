// test: timeout=300s
/** IsardVDI's operations API of a real agent, called with Google's gRPC, and by callers that go away. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, type Running, runPythonClient, startAgent, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const SCRIPT = resolve(fileURLToPath(import.meta.url), '../southbound-operations.py');
const HOST_PROGRAM = join(ROOT, 'test/e2e/src/southbound-operations-host.sh');
const TOKEN = 'token-of-the-operations-77c1';
const NO_CONTROLLER = '127.0.0.1:9';

const dir = tempDir('operations');
const path = (name: string) => join(dir.path, name);
const doorDir = path('agent-site/southbound/operations');
/** A file system of its own takes root and loop devices. */
const canMount = process.getuid?.() === 0 && existsSync('/dev/loop-control');

let agent: Running;

function start(): Promise<Running> {
  return startAgent(dir.path, NO_CONTROLLER, { operator: 'op', name: 'site' }, [
    ...['--platform', 'fakecloudlet', '--on-stop', 'stop'],
    ...['--operations-addr', '127.0.0.1:0', '--operations-token-file', path('tokens')],
    ...['--operations-inventory', path('inventory.yaml')],
  ]);
}

function call<T>(input: object): Promise<T> {
  const address = agent.addresses['operations'] ?? '';
  return runPythonClient<T>({
    api: 'isard',
    script: SCRIPT,
    address,
    authorization: `Bearer ${TOKEN}`,
    input,
  });
}

function hostFile(name: string): string {
  return readFileSync(join(doorDir, 'hypervisors/hv-exec', name), 'utf8');
}

test.before(async () => {
  mkdirSync(path('backups'));
  writeFileSync(path('tokens'), `${TOKEN}\n`, { mode: 0o600 });
  const shared = canMount
    ? { driver: 'loop', settings: { size: '320MiB', filesystem: 'auto' } }
    : { driver: 'dir', settings: { size: '320MiB', path: path('shared') } };
  const settings = { platform: 'fakecloudlet', notify_addrs: NO_CONTROLLER, wait_registered: false };
  const exec = { program: HOST_PROGRAM, env: { HOLD: path('hold') } };
  const inventory = {
    hypervisors: [
      { id: 'hv-exec', driver: 'exec', settings: exec },
      { id: 'hv-child', driver: 'process', settings },
    ],
    pools: [{ id: 'shared', headroom: '16MiB', ...shared }],
    backup_targets: [{ id: 'disk', path: path('backups'), floor_percent: 1 }],
  };
  // JSON is YAML.
  writeFileSync(path('inventory.yaml'), JSON.stringify(inventory));
  agent = await start();
});

test.after(async () => {
  await agent?.stop();
  dir.remove();
});

interface First {
  readonly backup: string;
  readonly pool: { readonly driver: string; readonly filesystem: string };
  readonly said: Readonly<Record<string, string>>;
}

let first: First;

/** What is said to bad input: the code, and what names the field and the value. */
const REFUSALS: Readonly<Record<string, string | RegExp>> = {
  create: 'UNKNOWN_HYPERVISOR: hypervisor nobody',
  "create ''": 'NO_ID: id is empty',
  'create ../': 'UNKNOWN_HYPERVISOR: hypervisor ../../etc',
  creates: 'UNKNOWN_HYPERVISOR: hypervisor x, y',
  'creates []': 'NO_ID: ids is empty',
  destroy: 'UNKNOWN_HYPERVISOR',
  'destroy grace': 'INVALID_FIELD: grace_seconds has to be from 0 to 86400, but got -1',
  destroys: 'NO_ID: ids is empty',
  'expand 0': 'SIZE_TOO_SMALL: min_bytes is 0',
  'expand -1': 'min_bytes is -294967296, but has to be more than 0; it fits int32 only up to 2147483647',
  'expand both': 'SIZE_AMBIGUOUS: ambiguous size: min_bytes is 1 and min_bytes64 is 2',
  'expand huge': 'POOL_FULL: pool shared: 4611686018427387904 bytes more are wanted',
  'expand pool': 'UNKNOWN_POOL: storage pool nobody',
  'shrink 0': 'SIZE_TOO_SMALL: max_bytes is 0',
  'shrink both': 'SIZE_AMBIGUOUS',
  'backup target': 'UNKNOWN_TARGET: backup target /etc is not in the inventory; known: disk',
  'backup label': 'INVALID_FIELD: label has to have at most 200 characters',
  'request id': 'INVALID_FIELD: request_id must have no control characters',
  'reused id': /REQUEST_ID_REUSED: request_id "grow-1" was used before, for ExpandStorage of shared/,
  GetOperation: 'NOT_FOUND: operation nobody',
  WatchOperation: 'INVALID_ARGUMENT: id is empty',
  CancelOperation: 'NOT_FOUND: operation nobody',
  GetStoragePool: 'NOT_FOUND: storage pool nobody',
  ListBackups: 'NOT_FOUND: backup target nobody',
  VerifyBackup: 'NOT_FOUND: backup ../../etc/passwd',
  RestoreBackup: /^INVALID_ARGUMENT: path .* but got "..\/..\/outside"$/,
  DeleteBackup: 'NOT_FOUND: backup b-00000000000000000000000000',
  'hostile bytes': 'INTERNAL',
  wide: 'pool shared: 281474976710656 bytes more are wanted',
  nobody: 'UNAUTHENTICATED',
};

test('hypervisors, the pool and its backup, as the tools of IsardVDI use them, and bad input for each call', async () => {
  first = await call<First>({ phase: 'first', hold: path('hold') });
  if (canMount) assert.ok(['btrfs', 'xfs', 'ext4'].includes(first.pool.filesystem));
  for (const [what, said] of Object.entries(first.said)) {
    const expected = REFUSALS[what];
    assert.ok(expected, `${what}: ${said}`);
    assert.match(said, expected, what);
  }
  assert.is(Object.keys(first.said).length, Object.keys(REFUSALS).length);
});

test('an agent that is killed goes on with what was under way; its child agents never notice', async () => {
  const hold = path('hold');
  const begun = await call<{ create: string; backup: string; child: string }>({ phase: 'begin', hold });
  agent.kill('SIGKILL');
  await agent.exited;
  agent = await start();
  const after = await call<{ child: string }>({ phase: 'killed', hold, earlier: first.backup, ...begun });
  assert.is(after.child, begun.child);
  assert.is(hostFile('history'), 'created\ndestroyed\ncreated\n');
});

test('what is taken down is refused while it is in use, and then gone', async () => {
  const instances = join(doorDir, 'hypervisors/hv-exec/instances');
  await call({ phase: 'last', backup: first.backup, instances });
  assert.is(hostFile('history'), 'created\ndestroyed\ncreated\ndestroyed\n');
});

test.run();
