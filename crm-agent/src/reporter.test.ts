import { ManualClock, silentLogger } from '@edgeplane/base';
import { TrackedState } from '@edgeplane/proto/edgeproto/common.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type InstanceInfo, Reporter } from './reporter.js';

const S = TrackedState;
const never = new AbortController().signal;

function setUp(
  flushed: () => Promise<void> = async () => undefined,
  troubles: () => readonly string[] = () => [],
) {
  const infos = new Map<string, InstanceInfo & { key: string }>();
  const clock = new ManualClock();
  const reporter = new Reporter({
    typeName: 'edgeproto.AppInstInfo',
    table: {
      get: (key) => infos.get(key),
      put: (info) => infos.set(info.key, info),
      delete: (key) => infos.delete(key),
    },
    build: (key, state, errors) => ({ key, state, errors }),
    ...{ flushed, troubles },
    clock,
    logger: silentLogger,
  });
  return { infos, clock, reporter };
}

test('a state clears errors, an error state adds to them', async () => {
  const { infos, reporter } = setUp();
  await reporter.reportError('k', S.CREATE_ERROR, 'one', never);
  await reporter.reportError('k', S.CREATE_ERROR, 'two', never);
  assert.equal(infos.get('k')?.errors, ['one', 'two']);
  await reporter.report('k', S.CREATING, never);
  assert.equal(infos.get('k'), { key: 'k', state: S.CREATING, errors: [] });
});

test('troubles are said of what runs, and of nothing else', async () => {
  const { infos, reporter } = setUp();
  reporter.reportTroubles('k', ['it ended']);
  assert.is(infos.size, 0);
  await reporter.report('k', S.READY, never);
  reporter.reportTroubles('k', ['it ended']);
  assert.equal(infos.get('k'), { key: 'k', state: S.READY, errors: ['it ended'] });
  reporter.reportTroubles('k', []);
  assert.equal(infos.get('k')?.errors, []);
  await reporter.report('k', S.DELETING, never);
  reporter.reportTroubles('k', ['it ended']);
  assert.equal(infos.get('k')?.errors, []);
});

test('troubles that were there before are said with the first report that it runs', async () => {
  const { infos, reporter } = setUp(undefined, () => ['no room']);
  await reporter.report('k', S.CREATING, never);
  assert.equal(infos.get('k')?.errors, []);
  await reporter.report('k', S.READY, never);
  assert.equal(infos.get('k')?.errors, ['no room']);
});

test('a report waits for the one before it, but not for ever', async () => {
  const { infos, clock, reporter } = setUp(() => new Promise(() => undefined));
  await reporter.report('k', S.CREATING, never);
  const ready = reporter.report('k', S.READY, never);
  await Promise.resolve();
  assert.is(infos.get('k')?.state, S.CREATING);
  clock.advance(2000);
  await ready;
  assert.is(infos.get('k')?.state, S.READY);
});

test('what was never reported is reported before it is gone', async () => {
  const seen: (TrackedState | undefined)[] = [];
  const { infos, reporter } = setUp(async () => {
    seen.push(infos.get('k')?.state);
  });
  await reporter.reportGone('k', never);
  assert.equal(seen, [S.DELETING]);
  assert.is(infos.size, 0);
});

test('nothing is reported once the work is cut short', async () => {
  const { infos, reporter } = setUp();
  await reporter.report('k', S.CREATING, never);
  const failed = await reporter.report('k', S.READY, AbortSignal.abort()).catch(() => 'aborted');
  assert.is(failed, 'aborted');
  assert.is(infos.get('k')?.state, S.CREATING);
});

test.run();
