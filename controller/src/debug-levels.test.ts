/** Debug lines switched through the API of a running controller. */
import { createLogger, DebugAreas } from '@edgeplane/base';
import { DebugApiClient, DebugLevel } from '@edgeplane/proto/log/debug.js';
import { callUnary } from '@edgeplane/rpc';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import { SMALL } from './testing-data.js';

test('debug lines of areas are switched on and off, and unknown ones refused', async () => {
  const lines: { level: string; area?: string }[] = [];
  const debug = new DebugAreas();
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: 'test', debug, destination });
  const controller = await TestController.start({ logger, debug });
  try {
    const client = controller.client(DebugApiClient);
    const areas = () => {
      const said = lines.splice(0).filter((line) => line.level === 'debug');
      return [...new Set(said.map((line) => line.area))].sort();
    };
    assert.equal(areas(), []);
    await callUnary(client, 'enableDebugLevels', { levels: [DebugLevel.etcd, DebugLevel.api] });
    assert.equal(await controller.run('create', 'Flavor', SMALL), ['OK']);
    assert.equal(areas(), ['api', 'etcd']);

    await callUnary(client, 'disableDebugLevels', { levels: [DebugLevel.api, DebugLevel.etcd] });
    await callUnary(client, 'enableDebugLevels', { levels: [DebugLevel.notify, DebugLevel.upgrade] });
    areas();
    await controller.agent();
    assert.equal(areas(), ['notify']);
    const shown = await callUnary(client, 'showDebugLevels', { levels: [] });
    assert.equal(shown.levels, [DebugLevel.notify, DebugLevel.upgrade]);

    const failure = await callUnary(client, 'enableDebugLevels', { levels: [42 as DebugLevel] }).then(
      () => undefined,
      (error: Error & { status?: string }) => error,
    );
    assert.is(failure?.status, 'INVALID_ARGUMENT');
    assert.match(failure?.message ?? '', 'no debug level 42: must be one of 0 (etcd), 1 (api)');
  } finally {
    await controller.stop();
  }
});

test.run();
