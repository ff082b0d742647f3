// test: timeout=120s serial
/** A conmon that does not answer: podman gives up on its container, the engine does not. */

import { isKind } from '@edgeplane/base';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { podmanErrors } from './errors.js';
import { freePort, HELLO, helloArchive, makeSite, page, SMALL } from './testing.js';

const site = await makeSite('agent-hung');
const engine = await site.open();
await engine.ensureImage(`docker-archive:${await helloArchive()}`);
const port = await freePort();
const spec = {
  ...{ name: 'web', image: HELLO, limits: SMALL },
  ports: [{ proto: 'tcp' as const, hostIp: '127.0.0.1', hostPort: port, containerPort: 8080 }],
};
const test = suite('podman with a conmon that hangs');
test.after(() => site.clear());

/** Runs it, halts its conmon, and leaves podman in the middle of ending it. */
async function leaveStopping(): Promise<void> {
  await engine.runContainer(spec);
  const { ConmonPid } = (await engine.client.containers.inspect('web')).State;
  process.kill(ConmonPid ?? 0, 'SIGSTOP');
  const error = await engine.client.containers.remove('web').then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isKind(error, podmanErrors.PODMAN_FAILED), `podman alone: ${error}`);
  assert.is((await engine.client.containers.inspect('web')).State.Status, 'stopping');
}

test('its container is removed', async () => {
  await leaveStopping();
  await engine.remove('web');
  assert.equal((await engine.listOwned()).containers, []);
});

test('its container is stopped with the agent, and the next one runs it', async () => {
  await leaveStopping();
  await engine.shutdown();
  const again = await site.open();
  assert.is((await again.status('web')).state, 'exited');
  await again.runContainer(spec);
  assert.match(await page(port), 'Edgeplane hello');
  await again.remove('web');
});

test.run();
