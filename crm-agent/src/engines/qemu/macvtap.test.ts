// test: timeout=120s serial
/** A machine with a place of its own on an interface of the host, here one end of a pair whose other end is on a bridge. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { qemuErrors } from './errors.js';
import { macOf } from './network-args.js';
import {
  clearEngine,
  type EngineContext,
  engineAt,
  failure,
  guestImage,
  openEngine,
  specOf,
  until,
} from './testing.js';

const BRIDGE = `epmv${process.pid % 100_000}`;
const [NEAR, FAR] = [`${BRIDGE}n`, `${BRIDGE}f`];
const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });
const isThere = (link: string) => existsSync(`/sys/class/net/${link}`);

const test = suite<EngineContext>('macvtap');
test.before(async (c) => {
  c.image = await guestImage();
});
test.before.each(openEngine);
test.after.each(async (c) => {
  await clearEngine(c);
  for (const link of [NEAR, BRIDGE]) if (isThere(link)) run('ip', 'link', 'del', link);
});

test('the guest is on the interface under its own address, and its device goes with the machine', async (c) => {
  const spec = specOf(c, { nics: [{ type: 'user' }, { type: 'macvtap', parent: NEAR }] });
  await c.engine.create(spec);
  const missing = await failure(c.engine.start('vm'));
  assert.ok(isKind(missing, qemuErrors.networkMissing), String(missing));
  assert.match(missing?.message ?? '', `interface ${NEAR} does not exist`);
  run('ip', 'link', 'add', NEAR, 'type', 'veth', 'peer', 'name', FAR);
  run('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
  run('ip', 'link', 'set', FAR, 'master', BRIDGE);
  for (const link of [NEAR, FAR, BRIDGE]) run('ip', 'link', 'set', link, 'up');

  await c.engine.start('vm');
  const device = c.engine.network.tapOf('vm', 1);
  assert.match(run('ip', '-d', 'link', 'show', device), /macvtap mode bridge/);
  // The guest asks for an address there, so the bridge at the other end learns where it is.
  const mac = macOf('vm', 1, 'macvtap');
  await until('the bridge learns the guest', async () =>
    run('bridge', 'fdb', 'show', 'br', BRIDGE).includes(`${mac} dev ${FAR}`),
  );
  // The device stays when QEMU is killed; the next start replaces it.
  const { pid = 0 } = await c.engine.status('vm');
  process.kill(pid, 'SIGKILL');
  await c.engine.waitForExit('vm');
  assert.ok(isThere(device));
  await c.engine.start('vm');
  await c.engine.stop('vm', { graceMs: 0 });
  assert.not(isThere(device));

  await c.engine.start('vm');
  const running = (await c.engine.status('vm')).pid ?? 0;
  process.kill(running, 'SIGKILL');
  await c.engine.waitForExit('vm');
  await engineAt(c.dir).recover();
  assert.ok(isThere(device), 'of a machine that there is');
  run('rm', '-rf', `${c.dir}/vms/vm`);
  await engineAt(c.dir).recover();
  assert.not(isThere(device));
  await c.engine.create(spec);
  await c.engine.start('vm');
  await c.engine.destroy('vm');
  assert.not(isThere(device));
});

test.run();
