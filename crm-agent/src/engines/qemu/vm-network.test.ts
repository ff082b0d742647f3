// test: timeout=240s serial
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { macOf } from './network-args.js';
import { waitForHttp, waitForTcp } from './reachable.js';
import {
  boot,
  clearEngine,
  type EngineContext,
  engineAt,
  failure,
  freePort,
  guestImage,
  listen,
  local,
  openEngine,
  specOf,
  until,
  user,
} from './testing.js';

const BRIDGE = `eptest${process.pid % 100_000}`;
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });

const test = suite<EngineContext>('networks of machines');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(async (c) => {
  await clearEngine(c);
  if (existsSync(`/sys/class/net/${BRIDGE}`)) ip('link', 'del', BRIDGE);
});

test('a port on a bridge comes and goes with the process; forwards change while it runs', async (c) => {
  const [first, second] = [await freePort(), await freePort()];
  const spec = specOf(c, {
    nics: [...user(local('tcp', first, 8080)), { type: 'bridge', bridge: BRIDGE }],
  });
  await c.engine.create(spec);
  const missing = await failure(c.engine.start('vm'));
  assert.ok(isKind(missing, qemuErrors.networkMissing));
  assert.match(missing?.message ?? '', `bridge ${BRIDGE} does not exist`);

  ip('link', 'add', BRIDGE, 'type', 'bridge');
  ip('link', 'set', BRIDGE, 'up');
  await c.engine.start('vm');
  const tap = c.engine.network.tapOf('vm', 1);
  const link = ip('link', 'show', tap);
  assert.match(link, `master ${BRIDGE}`);
  assert.match(link, 'alias edgeplane VM vm NIC 1');
  // The guest asks for an address there, so the bridge learns where it is.
  const mac = macOf('vm', 1, 'bridge');
  const learnt = () => execFileSync('bridge', ['fdb', 'show', 'br', BRIDGE], { encoding: 'utf8' });
  await until('the bridge learns the guest', async () => learnt().includes(`${mac} dev ${tap}`));
  await waitForHttp('127.0.0.1', first, '/', boot);

  // A port that is taken: nothing has changed.
  const server = await listen();
  const { port } = server.address() as AddressInfo;
  const taken = await failure(c.engine.network.setForwards('vm', [local('tcp', port, 8080)]));
  assert.ok(isKind(taken, qemuErrors.portInUse), String(taken));
  await new Promise((resolve) => server.close(resolve));
  await waitForHttp('127.0.0.1', first, '/', boot);

  await c.engine.network.setForwards('vm', [local('tcp', second, 8080)]);
  await waitForHttp('127.0.0.1', second, '/', boot);
  assert.ok(await failure(answer(first)), 'the old forward is gone');

  assert.is((await c.engine.pause('vm')).paused, true);
  assert.is((await c.engine.pause('vm')).paused, true);
  const monitor = await c.engine.monitor('vm');
  assert.is(((await monitor.execute('query-status')) as { status: string }).status, 'paused');
  // As if we had been ended between the record and the change.
  const rules = `hostfwd_remove net0 tcp:127.0.0.1:${second}`;
  await monitor.execute('human-monitor-command', { 'command-line': rules });
  await monitor.execute('cont');
  ip('link', 'set', tap, 'nomaster');
  const next = engineAt(c.dir);
  await next.recover();
  assert.is(((await monitor.execute('query-status')) as { status: string }).status, 'paused');
  monitor.close();
  assert.match(ip('link', 'show', tap), `master ${BRIDGE}`);
  assert.is((await next.start('vm')).paused, undefined);
  await waitForHttp('127.0.0.1', second, '/', boot);

  // Gone with the process, whatever ends it; both are there again after the next start.
  process.kill((await next.status('vm')).pid ?? 0, 'SIGKILL');
  await next.waitForExit('vm');
  await until('the tap is gone', async () => !existsSync(`/sys/class/net/${tap}`));
  await next.start('vm');
  assert.match(ip('link', 'show', tap), `master ${BRIDGE}`);
  await waitForTcp('127.0.0.1', second, boot);
  await next.destroy('vm');
  await until('the tap is gone', async () => !existsSync(`/sys/class/net/${tap}`));
});

function answer(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', reject);
  });
}

test.run();
