import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isKind, ManualClock, systemClock } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { QmpClient } from './qmp.js';

interface Context {
  dir: string;
  path: string;
  qemu: ChildProcess;
}
const test = suite<Context>('QMP client');
test.before.each(async (c) => {
  c.dir = await mkdtemp(join(tmpdir(), 'qmp-'));
  c.path = join(c.dir, 'qmp.sock');
  const args = ['-M', 'none', '-nodefaults', '-display', 'none', '-qmp', `unix:${c.path},server=on,wait=off`];
  c.qemu = spawn('qemu-system-x86_64', args, { stdio: 'inherit' });
  await new Promise((resolve, reject) => c.qemu.once('spawn', resolve).once('error', reject));
  await until(() => listens(c.path));
});
test.after.each(async (c) => {
  const ended = new Promise((resolve) => c.qemu.once('exit', resolve));
  if (c.qemu.exitCode === null && c.qemu.kill('SIGKILL')) await ended;
  await rm(c.dir, { recursive: true, force: true });
});

/** The file of a socket is there a moment before anybody listens on it. */
const listens = (path: string) =>
  new Promise<boolean>((resolve) => {
    const probe = connect(path, () => resolve(true));
    probe.once('error', () => resolve(false));
    probe.once('connect', () => probe.destroy());
  });

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('condition not met in 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test('greets, answers many commands at once, each with its own answer', async ({ path }) => {
  const client = await QmpClient.connect({ path, clock: systemClock });
  const [status, version, name] = await Promise.all([
    client.execute('query-status'),
    client.execute('query-version'),
    client.execute('qom-get', { path: '/machine', property: 'type' }),
  ]);
  assert.is((status as { running: boolean }).running, true);
  assert.ok((version as { qemu: { major: number } }).qemu.major >= 7);
  assert.is(name, 'none-machine');
  client.close();
  assert.is(await client.closed, 'closed by us');
});

test('a refusal carries the class and text of QEMU', async ({ path }) => {
  const client = await QmpClient.connect({ path, clock: systemClock });
  const error = await failure(client.execute('no-such-command'));
  assert.ok(isKind(error, qemuErrors.qmpRefused));
  assert.match((error as Error).message, /no-such-command refused: CommandNotFound/);
  client.close();
});

test('events come to the iterator; the end of QEMU ends it and fails what waits', async ({ path }) => {
  const client = await QmpClient.connect({ path, clock: systemClock });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of client.events()) {
      seen.push(`${event.event} ${event.data['reason'] ?? ''}`.trim());
      assert.ok(event.at > 1_600_000_000_000);
    }
  })();
  await client.execute('stop');
  await client.execute('quit');
  await reading;
  await client.closed;
  assert.equal(seen, ['STOP', 'SHUTDOWN host-qmp-quit']);
  assert.ok(isKind(await failure(client.execute('query-status')), qemuErrors.qmpClosed));
});

test('an aborted iterator ends; the connection stays', async ({ path }) => {
  const client = await QmpClient.connect({ path, clock: systemClock });
  const abort = new AbortController();
  const reading = client.events(abort.signal).next();
  abort.abort();
  assert.is((await reading).done, true);
  await client.execute('query-status');
  client.close();
});

test('one client at a time: the second gets no greeting within its limit', async ({ path }) => {
  const first = await QmpClient.connect({ path, clock: systemClock });
  const error = await failure(QmpClient.connect({ path, clock: systemClock, timeoutMs: 100 }));
  assert.ok(isKind(error, qemuErrors.qmpClosed));
  assert.match((error as Error).message, 'no greeting');
  first.close();
  (await QmpClient.connect({ path, clock: systemClock })).close();
});

test('a killed QEMU fails the command that waits', async ({ path, qemu }) => {
  const client = await QmpClient.connect({ path, clock: systemClock });
  qemu.kill('SIGSTOP');
  const waiting = failure(client.execute('query-status'));
  qemu.kill('SIGKILL');
  assert.ok(isKind(await waiting, qemuErrors.qmpClosed));
});

test('a command without an answer times out; the late answer harms nobody', async ({ path, qemu }) => {
  const clock = new ManualClock();
  const client = await QmpClient.connect({ path, clock });
  qemu.kill('SIGSTOP');
  const waiting = failure(client.execute('query-status', undefined, 700));
  clock.advance(700);
  const error = await waiting;
  assert.ok(isKind(error, qemuErrors.qmpTimeout));
  assert.match((error as Error).message, 'query-status got no answer in 700 ms');
  qemu.kill('SIGCONT');
  await client.execute('query-version');
  client.close();
});

test('a peer that does not speak QMP is refused; a missing socket says so', async ({ dir }) => {
  const path = join(dir, 'other.sock');
  const server = createServer((socket) => socket.on('error', () => undefined).end('hello\n')).listen(path);
  await until(() => listens(path));
  assert.match(
    ((await failure(QmpClient.connect({ path, clock: systemClock }))) as Error).message,
    'not JSON: hello',
  );
  server.close();
  const nothing = await failure(QmpClient.connect({ path: join(dir, 'no.sock'), clock: systemClock }));
  assert.match((nothing as Error).message, 'ENOENT');
});

test.run();
