import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QUIET_MS, Settling } from './settling.js';

function setUp() {
  const clock = new ManualClock();
  const log: string[] = [];
  const table = (name: string) => ({
    type: { name },
    onSynced: (valid: ReadonlySet<string>) => void log.push(`${name} ${[...valid].join()}`),
  });
  const counts = { undecodable: 0 };
  const settling = new Settling({
    ...{ tables: [table('Cloudlet'), table('AppInst')], cloudlet: 'here', clock },
    undecodable: () => counts.undecodable,
    onSettled: () => void log.push('settled'),
  });
  return { clock, log, counts, settling };
}

test('what has not come is gone when nothing new has come for long after the Cloudlet', () => {
  const { clock, log, settling } = setUp();
  settling.updated('Cloudlet', 'here');
  clock.advance(QUIET_MS - 1);
  settling.updated('AppInst', 'a');
  settling.updated('AppInst', 'b');
  clock.advance(QUIET_MS - 1);
  // Nothing new, as a busy instance is not to hold it back for ever.
  settling.updated('AppInst', 'a');
  settling.deleted('AppInst', 'b');
  assert.equal(log, []);
  clock.advance(1);
  assert.equal(log, ['Cloudlet here', 'AppInst a', 'settled']);
  settling.updated('AppInst', 'c');
  clock.advance(2 * QUIET_MS);
  assert.is(log.length, 3, 'once in a session');
});

test('without the Cloudlet, or in what is left of a session, nothing is gone', () => {
  const { clock, log, settling } = setUp();
  settling.updated('Cloudlet', 'elsewhere');
  settling.updated('AppInst', 'a');
  clock.advance(2 * QUIET_MS);
  settling.updated('Cloudlet', 'here');
  settling.ended();
  clock.advance(2 * QUIET_MS);
  assert.equal(log, []);
  settling.updated('Cloudlet', 'here');
  clock.advance(QUIET_MS);
  assert.equal(log, ['Cloudlet here', 'AppInst ', 'settled']);
});

test('what could not be decoded may be what is missing', () => {
  const { clock, log, counts, settling } = setUp();
  settling.updated('Cloudlet', 'here');
  counts.undecodable += 1;
  clock.advance(2 * QUIET_MS);
  assert.equal(log, []);
  settling.ended();
  settling.updated('Cloudlet', 'here');
  clock.advance(QUIET_MS);
  assert.is(log.at(-1), 'settled');
});

test.run();
