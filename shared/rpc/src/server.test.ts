import { createLogger, defineErrors, EdgeplaneError, fail, silentLogger } from '@edgeplane/base';
import { type Flavor, FlavorApiClient, FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { OperatorApiClient } from '@edgeplane/proto/edgeproto/operator.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { callStream, callUnary, connect } from './client.js';
import { serverStream, unary } from './handler.js';
import { RpcServer } from './server.js';

const testErrors = defineErrors({ TAKEN: ['ALREADY_EXISTS', 'Key already exists'] });
const flavor = (name: string): Flavor => ({
  fields: [],
  key: { name },
  ram: 1024n,
  vcpus: 1n,
  disk: 1n,
  devices: [],
});

async function failure(work: Promise<unknown>): Promise<EdgeplaneError> {
  try {
    await work;
  } catch (error) {
    assert.instance(error, EdgeplaneError);
    return error as EdgeplaneError;
  }
  throw new Error('expected a failure');
}

interface Line {
  readonly msg: string;
  readonly [member: string]: unknown;
}

async function start(t: { showCount?: number; bigBytes?: number } = {}) {
  const lines: Line[] = [];
  const logger = createLogger({
    name: 'test',
    destination: { write: (line: string) => lines.push(JSON.parse(line) as Line) },
  });
  const seen = { signal: undefined as AbortSignal | undefined, sent: 0, finished: false };
  const server = new RpcServer({ logger, name: 'test' });
  server.addService(FlavorApiService, {
    createFlavor: unary(async (request) => {
      if (request.key?.name === 'taken') throw fail(testErrors.TAKEN);
      if (request.key?.name === 'bug') throw new TypeError('password is hunter2');
      return { message: request.key?.name ?? '', code: 0 };
    }),
    deleteFlavor: unary(
      (_request, context) =>
        new Promise((resolve) => {
          seen.signal = context.signal;
          context.signal.addEventListener('abort', () => resolve({ message: '', code: 0 }));
        }),
    ),
    updateFlavor: unary(async () => ({ message: '', code: 0 })),
    showFlavor: serverStream(async (_request, send, context) => {
      seen.signal = context.signal;
      for (let i = 0; i < (t.showCount ?? 3); i++) {
        await send(flavor('x'.repeat(t.bigBytes ?? 1)));
        seen.sent += 1;
      }
      seen.finished = true;
    }),
  });
  const address = await server.listen('127.0.0.1:0');
  const client = connect(FlavorApiClient, address);
  return {
    server,
    address,
    client,
    lines,
    seen,
    async stop() {
      client.close();
      await server.stop();
    },
  };
}

/** Polls on the event loop; fails after about five seconds. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), 'condition not met in time');
}

test('a unary call answers, and is audited with an id, but not what it hides', async () => {
  const t = await start();
  const result = await callUnary(t.client, 'createFlavor', flavor('small'));
  assert.is(result.message, 'small');
  const audits = t.lines.filter((line) => line.msg.startsWith('Audit'));
  assert.equal(
    audits.map((line) => [line.msg, line['id'], line['cmd'] ?? line['result']]),
    [
      ['Audit start', 1, 'CreateFlavor'],
      ['Audit end', 1, 'CreateFlavor'],
    ],
  );
  assert.is(audits[1]?.['result'], 'success');
  assert.equal(audits[0]?.['req'], { key: { name: 'small' }, ram: '1024', vcpus: '1', disk: '1' });
  await t.stop();
});

test('a catalogue error keeps its status, text and code; anything else is only logged', async () => {
  const t = await start();
  const taken = await failure(callUnary(t.client, 'createFlavor', flavor('taken')));
  assert.equal([taken.status, taken.message, taken.code], ['ALREADY_EXISTS', 'Key already exists', 'TAKEN']);
  const bug = await failure(callUnary(t.client, 'createFlavor', flavor('bug')));
  assert.equal([bug.status, bug.message], ['INTERNAL', 'internal error']);
  assert.ok(t.lines.some((line) => line.msg === 'Call failed' && JSON.stringify(line).includes('hunter2')));
  await t.stop();
});

test('a stream delivers in order and Show is not audited', async () => {
  const t = await start();
  const names: string[] = [];
  for await (const item of callStream(t.client, 'showFlavor', flavor(''))) names.push(item.key?.name ?? '');
  assert.equal(names, ['x', 'x', 'x']);
  assert.not.ok(t.lines.some((line) => line.msg.startsWith('Audit')));
  await t.stop();
});

test('a client that does not read holds the handler back; once it is gone the work goes on', async () => {
  const t = await start({ showCount: 2000, bigBytes: 100_000 });
  const stream = callStream(t.client, 'showFlavor', flavor(''));
  await stream.next();
  let last = -1;
  await until(() => {
    const still = t.seen.sent === last;
    last = t.seen.sent;
    return still;
  });
  assert.ok(t.seen.sent < 500, `sent ${t.seen.sent} of 2000 messages to a client that reads none`);
  assert.not.ok(t.seen.signal?.aborted);
  await stream.return();
  await until(() => t.seen.finished);
  assert.ok(t.seen.signal?.aborted);
  assert.is(t.seen.sent, 2000);
  await t.stop();
});

test('cancellation and deadlines reach the handler and come back as their status', async () => {
  const t = await start();
  const abort = new AbortController();
  const call = failure(callUnary(t.client, 'deleteFlavor', flavor('a'), { signal: abort.signal }));
  await until(() => t.seen.signal !== undefined);
  abort.abort();
  assert.is((await call).status, 'CANCELLED');
  await until(() => t.seen.signal?.aborted === true);
  t.seen.signal = undefined;
  assert.is(
    (await failure(callUnary(t.client, 'deleteFlavor', flavor('a'), { deadlineMs: 50 }))).status,
    'DEADLINE_EXCEEDED',
  );
  await t.stop();
});

test('unknown services and methods are refused with the texts of the reference', async () => {
  const t = await start();
  const client = connect(OperatorApiClient, t.address);
  const error = await failure(callUnary(client, 'createOperator', { fields: [], key: { name: 'o' } }));
  assert.equal([error.status, error.message], ['UNIMPLEMENTED', 'unknown service edgeproto.OperatorApi']);
  const show = failure(
    (async () => {
      for await (const _ of callStream(client, 'showOperator', { fields: [], key: { name: 'o' } }));
    })(),
  );
  assert.is((await show).message, 'unknown service edgeproto.OperatorApi');
  client.close();
  await t.stop();
});

test('a message above the receive limit fails its call only', async () => {
  const t = await start();
  const error = await failure(callUnary(t.client, 'createFlavor', flavor('n'.repeat(4 * 1024 * 1024 + 1))));
  assert.is(error.status, 'RESOURCE_EXHAUSTED');
  assert.is((await callUnary(t.client, 'createFlavor', flavor('small'))).message, 'small');
  await t.stop();
});

test('listening fails with a text that names the address', async () => {
  const t = await start();
  const second = new RpcServer({ logger: silentLogger, name: 'second' });
  const used = await failure(second.listen(t.address));
  assert.is(used.message, `cannot listen on ${t.address}: the address is in use`);
  assert.is((await failure(second.listen('nonsense'))).message, 'bad address "nonsense": expected host:port');
  assert.is((await failure(second.listen('127.0.0.1:99999'))).code, 'ADDRESS_INVALID');
  await second.stop();
  await t.stop();
});

test('stop waits for calls in progress, and breaks them off after the grace period', async () => {
  const t = await start();
  const call = failure(callUnary(t.client, 'deleteFlavor', flavor('a')));
  await until(() => t.seen.signal !== undefined);
  await t.server.stop(20);
  assert.ok(t.seen.signal?.aborted);
  assert.ok(['UNAVAILABLE', 'CANCELLED', 'INTERNAL'].includes((await call).status));
  await t.server.stop();
  t.client.close();
});

test('a call from within the process needs no listener, and meets the same handlers', async () => {
  const server = new RpcServer({ logger: silentLogger, name: 'test' });
  server.addService(FlavorApiService, {
    createFlavor: unary(async ({ key }) => {
      if (key?.name === 'taken') throw fail(testErrors.TAKEN);
      return { message: key?.name ?? '', code: 0 };
    }),
    deleteFlavor: unary(async () => ({ message: '', code: 0 })),
    updateFlavor: unary(async () => ({ message: '', code: 0 })),
    showFlavor: serverStream(async (_request, send) => {
      for (const name of ['a', 'b']) await send(flavor(name));
    }),
  });
  const heard: unknown[] = [];
  const call = (method: string, name: string) =>
    server.call(`/edgeproto.FlavorApi/${method}`, flavor(name), (message) => heard.push(message));
  await call('CreateFlavor', 'x');
  assert.equal(heard.splice(0), [{ message: 'x', code: 0 }]);
  const error = await failure(call('CreateFlavor', 'taken'));
  assert.equal([error.status, error.message], ['ALREADY_EXISTS', 'Key already exists']);
  await call('ShowFlavor', '');
  assert.equal(heard.splice(0), [flavor('a'), flavor('b')]);
  await server.stop();
});

test.run();
