// test: timeout=240s serial
/** A shell in a real container and on the console of a real virtual machine, through edgectl. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  eventually,
  ROOT,
  type Running,
  runCommand,
  startAgent,
  startController,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLUSTER_ARGS, instanceArgs, prepareSite } from './site.js';

const SITE = { operator: 'op', name: 'site' };
const dir = tempDir('exec');
let api = '';
let controller: Running;
let agent: Running;

const command = (...args: readonly string[]) => ['--addr', api, 'controller', ...args];
const edgectl = (args: readonly string[], input = '') =>
  runCommand(join(ROOT, 'bin/edgectl'), command(...args), { timeoutMs: 120_000, input });
const target = (app: string) => instanceArgs(app).map((arg) => arg.replace(/^--key-/, '--appinstkey-'));
const run = (app: string, line: string, input = '') =>
  edgectl(['RunCommand', ...target(app), '--command', line], input);

async function ok(args: readonly string[]): Promise<void> {
  const result = await edgectl(args);
  assert.is(result.code, 0, result.stderr);
}

/** edgectl under a terminal of its own, 91 columns by 37 rows; what it has shown so far, and its status at the end. */
function atTerminal(app: string) {
  const line = [join(ROOT, 'bin/edgectl'), ...command('RunCommand', ...target(app))]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ');
  const child = spawn('script', ['-qec', `stty rows 37 cols 91; exec ${line}`, '/dev/null']);
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk;
  });
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    status,
    shown: () => shown,
    type: (text: string) => child.stdin.write(text),
    sees: (pattern: RegExp) =>
      eventually(
        `${pattern} at the terminal`,
        () => {
          if (!pattern.test(shown)) throw new Error(JSON.stringify(shown));
          return true;
        },
        60_000,
      ),
  };
}

/** Running processes `sleep <word>`, wherever they run. */
async function sleeping(word: string): Promise<number> {
  return Number((await runCommand('pgrep', ['-cf', `^sleep ${word}`])).stdout);
}

function newAgent(): Promise<Running> {
  return startAgent(dir.path, controller.addresses['notify'] ?? '', SITE, [
    ...['--platform', 'local', '--image-dir', join(dir.path, 'images')],
    ...['--public-addr', '127.0.7.3', '--on-stop', 'stop'],
  ]);
}

test.before(async () => {
  const images = join(dir.path, 'images');
  mkdirSync(images);
  for (const [script, name] of [
    ['container/build.mjs', 'localhost_edgeplane_hello_1.0.tar'],
    ['guest/build.sh', 'edgeplane-hello.qcow2'],
  ] as const) {
    const built = await runCommand(join(ROOT, 'deploy/images', script), [], { timeoutMs: 200_000 });
    assert.is(built.code, 0, built.stderr);
    copyFileSync(built.stdout.trim().split('\n').at(-1)?.split(' ')[0] ?? '', join(images, name));
  }
  controller = await startController(dir.path, 'memory');
  api = controller.addresses['api'] ?? '';
  agent = await newAgent();
  await prepareSite(api, 'tcp:8080,udp:8080');
  await ok(['CreateClusterInst', ...CLUSTER_ARGS]);
  await Promise.all(['web', 'vm'].map((app) => ok(['CreateAppInst', ...instanceArgs(app)])));
});

test.after(async () => {
  for (const app of ['web', 'vm']) await edgectl(['DeleteAppInst', ...instanceArgs(app)]);
  await edgectl(['DeleteClusterInst', ...CLUSTER_ARGS]);
  await agent.stop(60_000);
  await controller.stop();
  dir.remove();
});

test('a container: commands by script, two at once, status and standard error', async () => {
  const [first, second] = await Promise.all([
    run('web', 'cat; echo to-err >&2; exit 7', 'bytes in\n'),
    run('web', 'echo other; echo $0'),
  ]);
  assert.equal(first, { code: 7, stdout: 'bytes in\n', stderr: 'to-err\n' });
  assert.equal(second, { code: 0, stdout: 'other\n/bin/sh\n', stderr: '' });
  const wrong = await run('nosuch', 'true');
  assert.is(wrong.code, 1);
  assert.match(wrong.stderr, /AppInst \{.*nosuch.*\} not found/);
  const other = await edgectl(['RunCommand', ...target('web'), '--containerid', 'nosuch']);
  assert.match(other.stderr, /container nosuch is not present on this cloudlet/);
});

test('a container at a terminal: its size, a resize, job control, status', async () => {
  const terminal = atTerminal('web');
  await terminal.sees(/# /);
  // The size that edgectl's own terminal has is told once the shell is there.
  for (;;) {
    terminal.type('stty size\r');
    await terminal.sees(/\d+ \d+\r\n[\s\S]*# /);
    if (terminal.shown().includes('37 91')) break;
  }
  terminal.type('sleep 86413\r');
  await eventually('the sleep', async () => (await sleeping('86413')) > 0);
  terminal.type('\x03');
  terminal.type('exit 5\r');
  assert.is(await terminal.status, 5, terminal.shown());
});

test('what a shell began ends with it', async () => {
  const terminal = atTerminal('web');
  await terminal.sees(/# /);
  terminal.type('sleep 97531 & sleep 97531\r');
  await eventually('two sleeps', async () => (await sleeping('97531')) === 2);
  terminal.type('\x1d');
  assert.is(await terminal.status, 0, terminal.shown());
  await eventually('none left', async () => (await sleeping('97531')) === 0);
});

test('the console of a virtual machine, with two looking on', async () => {
  const [one, two] = [atTerminal('vm'), atTerminal('vm')];
  await one.sees(/ready: |activate this console/);
  one.type('\r');
  await one.sees(/# /);
  one.type('echo sum $((40 + 2))\r');
  await Promise.all([one.sees(/sum 42/), two.sees(/sum 42/)]);
  for (const terminal of [one, two]) {
    terminal.type('\x1d');
    assert.is(await terminal.status, 0, terminal.shown());
  }
  const piped = await edgectl(['RunCommand', ...target('vm')], 'echo product $((6 * 7))\n');
  assert.match(piped.stdout, /product 42/);
  assert.is(piped.code, 0);
  // Its screen: both ends of VNC say their version, then its end offers ways to get in.
  const screen = [...target('vm'), '--containerid', 'display'];
  const seen = await edgectl(['RunCommand', ...screen], 'RFB 003.008\n');
  assert.is(seen.code, 0, seen.stderr);
  assert.ok(seen.stdout.startsWith('RFB 003.008\n\x01\x01'), JSON.stringify(seen.stdout));

  const refused = await run('vm', 'ls');
  assert.match(refused.stderr, /a virtual machine has no shell but its serial console/);
});

test('an agent that is killed: the answer comes at once, and its shells are ended by the next', async () => {
  const terminal = atTerminal('web');
  await terminal.sees(/# /);
  terminal.type('sleep 64208\r');
  await eventually('the sleep', async () => (await sleeping('64208')) === 1);
  agent.kill('SIGKILL');
  await agent.exited;
  const { stderr, code } = await eventually('the controller knows', async () => {
    const result = await run('web', 'true');
    return result.stderr.includes('OFFLINE') && result;
  });
  assert.is(code, 1);
  assert.match(stderr, /no agent of Cloudlet .* is connected, its state is CLOUDLET_STATE_OFFLINE/);
  agent = await newAgent();
  await eventually('none left', async () => (await sleeping('64208')) === 0);
  await eventually('it runs commands again', async () => (await run('web', 'true')).code === 0);
  terminal.type('\x1d');
  await terminal.status;
});

test.run();
