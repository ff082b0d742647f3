import { isKind, ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OperationRecord, RunContext } from '../../work/index.js';
import { workErrors } from '../../work/index.js';
import { LifeDisk, testLog, testSubmission } from '../../work/testing.js';
import { follow } from './follow.js';

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** An operation that the test drives, and what one who follows it is told. */
async function setUp() {
  const clock = new ManualClock(1000);
  const log = testLog(new LifeDisk().mount(), { clock });
  let context: RunContext | undefined;
  let end: (message: string) => void = () => undefined;
  log.register('make', {
    run: (_record, given) => {
      context = given;
      return new Promise((resolve, reject) => {
        end = (message) => resolve({ message });
        given.signal.addEventListener('abort', () => reject(given.signal.reason), { once: true });
      });
    },
  });
  await log.start();
  const told: string[] = [];
  const abort = new AbortController();
  const begin = async (record: OperationRecord) => {
    const send = async ({ state, message }: OperationRecord) => void told.push(`${state} ${message}`);
    await follow(record, send, { log, clock, signal: abort.signal });
  };
  return {
    clock,
    log,
    told,
    abort,
    begin,
    progress: (m: string) => context?.progress(1, m),
    end: (m: string) => end(m),
  };
}

test('each state is told at once, progress once a second, a sign of life after 15 s, the end once', async () => {
  const { clock, log, told, begin, progress, end } = await setUp();
  const following = begin(await log.submit(testSubmission()));
  await turns();
  assert.equal(told, ['scheduled queued', 'active started']);
  for (const message of ['a', 'b', 'c']) progress(message);
  await turns();
  assert.is(told.length, 2);
  clock.advance(1000);
  await turns();
  assert.equal(told.slice(2), ['active c']);
  clock.advance(14_000);
  await turns();
  assert.is(told.length, 3);
  clock.advance(1000);
  await turns();
  assert.equal(told.slice(3), ['active c']);
  end('made');
  await following;
  assert.equal(told.slice(4), ['completed made']);
  assert.is(clock.pending, 0);
  await log.stop();
});

test('one that is over at once was active all the same; one that is over when it is joined is told so only', async () => {
  const { log, told, begin, end, clock } = await setUp();
  const record = await log.submit(testSubmission({ requestId: 'r' }));
  await turns();
  end('made');
  await log.wait(record.id);
  await begin(record);
  assert.equal(told, ['scheduled queued', 'active started', 'completed made']);
  await begin(await log.submit(testSubmission({ requestId: 'r' })));
  assert.equal(told.slice(3), ['completed made']);
  assert.is(clock.pending, 0);
  await log.stop();
});

test('a caller that goes leaves the operation, and one of an agent that stops is told', async () => {
  const { log, told, abort, begin, clock } = await setUp();
  const record = await log.submit(testSubmission());
  const gone = begin(record);
  await turns();
  abort.abort();
  await gone;
  assert.is(log.get(record.id).state, 'active');
  const other = follow(log.get(record.id), async () => undefined, {
    log,
    clock,
    signal: new AbortController().signal,
  });
  await turns();
  await log.stop();
  const error = await other.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isKind(error, workErrors.STOPPING));
  assert.is(told.length, 2);
});

test.run();
