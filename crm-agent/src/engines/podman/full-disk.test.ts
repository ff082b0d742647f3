// test: timeout=240s serial
/** What podman does on a full disk, and what is made of it. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskErrors, isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runCommand } from './commands.js';
import type { PodmanEngine } from './engine.js';
import { podmanErrors } from './errors.js';
import { eventually, freePort, HELLO, helloArchive, makeSite, page, SMALL } from './testing.js';

const site = await makeSite('agent-full');
const { stateDir } = site.options;
const ballast = join(stateDir, 'ballast');
const test = suite<{ engine: PodmanEngine }>('podman on a full disk');
test.before(async (c) => {
  const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'edgeplane-test', stateDir]);
  if (mounted.code !== 0) throw new Error(mounted.stderr);
  c.engine = await site.open();
});
test.after.each(() => rm(ballast, { force: true }));
test.after(() => site.clear());

/** Takes all room but so many KiB, in addition to what it took before. */
async function fill(leftKib: number): Promise<void> {
  const { stdout } = await runCommand('df', ['-k', '--output=avail', stateDir]);
  const kib = Number(stdout.split('\n')[1]) - leftKib;
  const how = ['bs=1024', `count=${kib}`, 'oflag=append', 'conv=notrunc'];
  await runCommand('dd', ['if=/dev/zero', `of=${ballast}`, ...how]);
}

async function noRoom(what: string, work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isKind(error, diskErrors.DISK_FULL), `${what}: ${error}`);
}

const spec = async (name: string) => ({
  ...{ name, image: HELLO, limits: SMALL },
  ports: [{ proto: 'tcp' as const, hostIp: '127.0.0.1', hostPort: await freePort(), containerPort: 8080 }],
});

test('an image that finds no room is told by that cause and leaves nothing', async ({ engine }) => {
  const archive = `docker-archive:${await helloArchive()}`;
  // Temporary files, and whatever carries the id of an image or layer.
  const files = async () =>
    (await readdir(stateDir, { recursive: true })).filter((f) => /^scratch\/|[0-9a-f]{26}/.test(f));
  for (const left of [0, 100, 3000]) {
    await fill(left);
    await noRoom(`${left} KiB`, engine.ensureImage(archive));
    assert.equal(await files(), [], `${left} KiB`);
    await rm(ballast);
  }
  await engine.ensureImage(archive);
});

test('a container that finds no room is told by that cause, and those that run go on', async ({ engine }) => {
  const [one, two] = [await spec('one'), await spec('two')];
  await engine.runContainer(one);
  for (const left of [0, 16]) {
    await fill(left);
    await noRoom(`${left} KiB`, engine.runContainer(two));
    assert.match(await page(one.ports[0]?.hostPort ?? 0), 'Edgeplane hello');
    await rm(ballast);
    await engine.remove('two');
    assert.equal((await engine.listOwned()).containers, ['one']);
  }
});

test('a container that podman does not start again on a full disk is started when there is room', async ({
  engine,
}) => {
  const one = await spec('one');
  await engine.remove('one');
  await engine.runContainer(one);
  // Podman itself starts what was killed again, as long as it finds a little room.
  await eventually('podman finds no room', async () => {
    await fill(0);
    const { Pid } = (await engine.client.containers.inspect('one')).State;
    if (Pid > 0) process.kill(Pid, 'SIGKILL');
    const error = await engine.revive('one').then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    // A port is taken while podman is at it.
    const busy = error === undefined || isKind(error, podmanErrors.PODMAN_PORT_IN_USE);
    assert.ok(busy || isKind(error, diskErrors.DISK_FULL), `revive: ${error}`);
    return !busy;
  });
  await rm(ballast);
  await eventually('it runs', () => engine.revive('one').catch(() => false));
  assert.match(await page(one.ports[0]?.hostPort ?? 0), 'Edgeplane hello');
  assert.is(await engine.revive('unknown'), true);
});

test.run();
