import { deferred, type ErrorKind, fail, isKind, ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { agentErrors } from '../../errors.js';
import { workErrors } from './errors.js';
import type { OperationLog } from './operation-log.js';
import type { OperationRecord } from './record.js';
import type { RunContext } from './runner.js';
import { LifeDisk, testLog, testSubmission } from './testing.js';

async function refused(call: Promise<unknown>, kind: ErrorKind, text = ''): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isKind(error, kind), String(error));
  assert.match(String(error), new RegExp(text));
}

/** Runs that wait until the test lets them go on. */
class Gate {
  readonly begun: string[] = [];
  readonly #gates = new Map<string, ReturnType<typeof deferred<void>>>();
  readonly contexts = new Map<string, RunContext>();

  readonly run = async ({ subject }: OperationRecord, context: RunContext) => {
    this.begun.push(subject);
    this.contexts.set(subject, context);
    const gate = deferred();
    this.#gates.set(subject, gate);
    context.signal.addEventListener('abort', () => gate.reject(new Error('aborted')), { once: true });
    if (context.signal.aborted) gate.reject(new Error('aborted'));
    await gate.promise;
    return { message: `made ${subject}`, result: { subject } };
  };

  open(subject: string): void {
    this.#gates.get(subject)?.resolve();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  reached(subject: string): Promise<void> {
    return this.until(() => this.begun.includes(subject));
  }
}

async function gated(over: Parameters<typeof testLog>[1] = {}, disk = new LifeDisk()) {
  const gate = new Gate();
  const log = testLog(disk.mount(), over);
  log.register('make', gate);
  await log.start();
  return { gate, log, disk };
}

async function statesOf(log: OperationLog, id: string): Promise<string[]> {
  const states: string[] = [];
  for await (const { state, message } of log.watch(id)) states.push(`${state} ${message}`);
  return states;
}

test('an operation is scheduled, runs, tells its progress and ends', async () => {
  const { gate, log, disk } = await gated();
  const { id, state } = await log.submit(testSubmission());
  assert.is(state, 'scheduled');
  const states = statesOf(log, id);
  await gate.reached('a');
  await gate.contexts.get('a')?.step('copy', { permille: 100, data: { at: 7 } });
  gate.contexts.get('a')?.progress(500, 'half of it');
  assert.is(log.get(id).progressPermille, 500);
  assert.equal((JSON.parse(disk.files.get(`/work/${id}.json`) ?? '') as OperationRecord).data, { at: 7 });
  gate.open('a');
  const last = await log.wait(id);
  assert.equal(last.result, { subject: 'a' });
  assert.is(last.progressPermille, 1000);
  const told = await states;
  assert.is(told.at(-1), 'completed made a');
  assert.ok(told.includes('active half of it'));
  await log.stop();
});

test('the same call joins what is under way; another caller joins too', async () => {
  const { gate, log } = await gated();
  const [one, two] = await Promise.all([
    log.submit(testSubmission({ request: { size: 1, name: 'x' } })),
    log.submit(testSubmission({ request: { name: 'x', size: 1 }, owner: 'other' })),
  ]);
  assert.is(one.id, two.id);
  await gate.reached('a');
  assert.is((await log.submit(testSubmission({ request: { size: 1, name: 'x' } }))).id, one.id);
  const other = await log.submit(testSubmission({ request: { size: 2 } }));
  assert.is.not(other.id, one.id);
  assert.is(log.ahead(other.id), 1);
  gate.open('a');
  await log.wait(one.id);
  assert.is.not((await log.submit(testSubmission({ request: { size: 1, name: 'x' } }))).id, one.id);
  await log.stop();
});

test('a request id means one operation, also when that is over; with another request it is refused', async () => {
  const { gate, log } = await gated();
  const first = await log.submit(testSubmission({ requestId: 'r1' }));
  await gate.reached('a');
  gate.open('a');
  await log.wait(first.id);
  const again = await log.submit(testSubmission({ requestId: 'r1' }));
  assert.is(again.id, first.id);
  assert.is(again.state, 'completed');
  const reused = log.submit(testSubmission({ requestId: 'r1', request: { size: 2 } }));
  await refused(reused, workErrors.REQUEST_ID_REUSED, first.id);
  const others = await log.submit(testSubmission({ requestId: 'r1', owner: 'other' }));
  assert.is.not(others.id, first.id);
  await log.stop();
});

test('a failure keeps its words and status; an unexpected fault tells none of its own', async () => {
  const log = testLog(new LifeDisk().mount());
  log.register('known', {
    run: () => Promise.reject(fail(workErrors.QUEUE_FULL, { queued: 3 }, { cause: new Error('secret') })),
  });
  log.register('unknown', { run: () => Promise.reject(new Error('secret')) });
  await log.start();
  const known = await log.wait((await log.submit(testSubmission({ kind: 'known' }))).id);
  assert.equal(known.error, {
    ...{
      code: 'QUEUE_FULL',
      status: 'RESOURCE_EXHAUSTED',
      message: '3 operations are waiting, which is the limit',
    },
  });
  const unknown = await log.wait((await log.submit(testSubmission({ kind: 'unknown' }))).id);
  assert.is(unknown.error?.status, 'INTERNAL');
  assert.not.match(JSON.stringify(log.list()), 'secret');
  await refused(log.submit(testSubmission({ kind: 'none' })), workErrors.NO_RUNNER);
  await log.stop();
});

test('what waits is cancelled at once, what runs when its runner has ended', async () => {
  const { gate, log } = await gated();
  const runs = await log.submit(testSubmission());
  const waits = await log.submit(testSubmission({ request: 2 }));
  await gate.reached('a');
  assert.is((await log.cancel(waits.id)).error?.status, 'CANCELLED');
  await log.cancel(runs.id);
  assert.is((await log.wait(runs.id)).error?.status, 'CANCELLED');
  assert.is((await log.cancel(runs.id)).state, 'failed');
  await log.stop();
});

test('an operation that takes too long fails, and says at which step', async () => {
  const clock = new ManualClock(5000);
  const gate = new Gate();
  const log = testLog(new LifeDisk().mount(), { clock });
  log.register('make', { run: gate.run, timeoutMs: 60_000 });
  await log.start();
  const { id } = await log.submit(testSubmission());
  await gate.reached('a');
  await gate.contexts.get('a')?.step('boot');
  clock.advance(60_000);
  const { error } = await log.wait(id);
  assert.is(error?.status, 'DEADLINE_EXCEEDED');
  assert.is(error?.message, 'gave up after 60 s, at step "boot"');
  assert.is(clock.pending, 0);
  await log.stop();
});

test('workers are bounded, the queue too, and what only waits for others takes no worker', async () => {
  const { gate, log } = await gated({ workers: 1, maxWaiting: 2 });
  const all = [await log.submit(testSubmission())];
  await gate.reached('a');
  for (const subject of ['b', 'c']) all.push(await log.submit(testSubmission({ subject, lanes: [subject] })));
  await refused(log.submit(testSubmission({ subject: 'd' })), workErrors.QUEUE_FULL);
  assert.equal(gate.begun, ['a']);
  for (const { id, subject } of all) {
    await gate.reached(subject);
    gate.open(subject);
    await log.wait(id);
  }
  await log.stop();
});

test('a parent waits for its children although one worker is all there is', async () => {
  const log = testLog(new LifeDisk().mount(), { workers: 1 });
  log.register('child', { run: async ({ subject }) => ({ message: `made ${subject}` }) });
  log.register('parent', {
    takesWorker: false,
    run: async ({ id }, { signal }) => {
      const messages: string[] = [];
      for (const subject of ['x', 'y']) {
        const child = testSubmission({
          kind: 'child',
          subject,
          lanes: [subject],
          requestId: `${id}/${subject}`,
        });
        messages.push((await log.wait((await log.submit(child)).id, signal)).message);
      }
      return { message: messages.join(', ') };
    },
  });
  await log.start();
  const { id } = await log.submit(testSubmission({ kind: 'parent', lanes: [] }));
  assert.is((await log.wait(id)).message, 'made x, made y');
  await log.stop();
});

test('a lane that is released is free for the next, also after a restart', async () => {
  const disk = new LifeDisk();
  const first = await gated({}, disk);
  const { id } = await first.log.submit(testSubmission({ lanes: ['pool', 'a'] }));
  await first.gate.reached('a');
  await first.log.submit(testSubmission({ subject: 'b', lanes: ['pool'] }));
  assert.equal(first.gate.begun, ['a']);
  await first.gate.contexts.get('a')?.release('pool');
  await first.gate.reached('b');
  await first.log.stop();
  const second = await gated({}, disk);
  assert.equal(second.log.get(id).lanes, ['a']);
  await second.gate.until(() => second.gate.begun.length === 2);
  await second.log.stop();
});

test('a stop in good order ends no operation and tells those who watch', async () => {
  const disk = new LifeDisk();
  const first = await gated({}, disk);
  const { id } = await first.log.submit(testSubmission());
  await first.gate.reached('a');
  const waiting = first.log.wait(id);
  await first.log.stop();
  await refused(waiting, workErrors.STOPPING);
  await refused(first.log.submit(testSubmission()), workErrors.STOPPING);
  const second = await gated({}, disk);
  await second.gate.reached('a');
  assert.is(second.log.get(id).attempts, 1);
  assert.ok(second.log.get(id).seq > 1_000_000);
  second.gate.open('a');
  assert.is((await second.log.wait(id)).state, 'completed');
  await second.log.stop();
});

test('what ends the agent again and again is given up, and what nobody can run any more fails', async () => {
  const disk = new LifeDisk();
  for (let life = 0; life < 3; life++) {
    const mount = disk.mount();
    const log = testLog(mount, { maxAttempts: 3 });
    log.register('make', {
      run: () => {
        mount.die();
        return new Promise(() => undefined);
      },
    });
    log.register('odd', { run: () => new Promise(() => undefined) });
    await log.start();
    if (life === 0) {
      await log.submit(testSubmission({ kind: 'odd', subject: 'o', lanes: [] }));
      await log.submit(testSubmission());
    }
    while (!mount.isDead()) await new Promise((resolve) => setImmediate(resolve));
  }
  const last = testLog(disk.mount(), { maxAttempts: 3 });
  last.register('make', new Gate());
  await last.start();
  for (const { id, kind } of last.list()) {
    const { error } = await last.wait(id);
    assert.is(error?.code, kind === 'make' ? 'INTERRUPTED' : 'NO_RUNNER');
  }
  await last.stop();
});

test('secrets are beside the record while it is under way, and nowhere afterwards', async () => {
  const { gate, log, disk } = await gated();
  const { id } = await log.submit(testSubmission({ secret: 'hunter2' }));
  await gate.reached('a');
  assert.is(await gate.contexts.get('a')?.secret(), 'hunter2');
  assert.not.match(JSON.stringify(log.get(id)), 'hunter2');
  assert.not.match(disk.files.get(`/work/${id}.json`) ?? '', 'hunter2');
  gate.open('a');
  await log.wait(id);
  await log.stop();
  assert.equal([...disk.files.keys()], [`/work/${id}.json`]);
});

test('what the disk refuses was never submitted, and an end is told only when it is written', async () => {
  const disk = new LifeDisk();
  let refusals = 0;
  const full = () => (refusals-- > 0 ? new Error('no space left') : undefined);
  const log = testLog(disk.mount(Number.POSITIVE_INFINITY, true, full), { clock: new ManualClock() });
  const gate = new Gate();
  log.register('make', gate);
  await log.start();
  refusals = 1;
  await refused(log.submit(testSubmission()), workErrors.NOT_RECORDED, 'no space left');
  assert.equal(log.list(), []);
  const { id } = await log.submit(testSubmission());
  await gate.reached('a');
  refusals = 1_000_000;
  gate.open('a');
  await gate.until(() => refusals < 1_000_000);
  assert.is(log.get(id).state, 'active');
  await log.stop();
});

test('history is bounded in number and in time', async () => {
  const disk = new LifeDisk();
  const clock = new ManualClock(1000);
  const log = testLog(disk.mount(), { clock, history: { keepMs: 1000, keepCount: 3 } });
  log.register('make', { run: async () => ({ message: 'made' }) });
  await log.start();
  const make = async (request: number) =>
    log.wait((await log.submit(testSubmission({ request, requestId: `r${request}` }))).id);
  for (let i = 0; i < 5; i++) await make(i);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(
    log.list().map(({ request }) => request),
    [2, 3, 4],
  );
  clock.advance(1001);
  await make(5);
  await log.stop();
  assert.equal(
    log.list().map(({ request }) => request),
    [5],
  );
  assert.is(disk.files.size, 1);
  // A later life forgets what an earlier one remembered, and until then answers from it.
  clock.advance(500);
  const later = testLog(disk.mount(), { clock, history: { keepMs: 1000, keepCount: 3 } });
  later.register('make', { run: async () => ({ message: 'made again' }) });
  await later.start();
  const replayed = await later.submit(testSubmission({ request: 5, requestId: 'r5' }));
  assert.is(replayed.message, 'made');
  await later.stop();
  clock.advance(501);
  const last = testLog(disk.mount(), { clock, history: { keepMs: 1000, keepCount: 3 } });
  await last.start();
  assert.equal(last.list(), []);
  assert.is(disk.files.size, 0);
  await last.stop();
  assert.throws(
    () => log.get('gone'),
    (error: unknown) => isKind(error, workErrors.NO_OPERATION),
  );
});

test('a record that is none stops the start, and is told', async () => {
  const { log, disk } = await gated();
  const { id } = await log.submit(testSubmission());
  await log.stop();
  const path = `/work/${id}.json`;
  disk.files.set(path, (disk.files.get(path) ?? '').replace('"active"', '"odd"'));
  await refused(
    testLog(disk.mount()).start(),
    agentErrors.RECORD_BROKEN,
    'an operation in /work: .*state is "odd"',
  );
});

test.run();
