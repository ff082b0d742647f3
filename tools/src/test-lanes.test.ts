import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runLanes } from './test-lanes.js';

test('every job runs once, never more than the width at a time, and never two serial ones', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ serial: fc.boolean(), turns: fc.nat(5) }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (kinds, width) => {
        const jobs = kinds.map((kind, id) => ({ ...kind, id }));
        const running = new Set<(typeof jobs)[number]>();
        const ran = await runLanes(jobs, width, async (job) => {
          running.add(job);
          assert.ok(running.size <= width);
          assert.ok([...running].filter(({ serial }) => serial).length <= 1);
          for (let turn = 0; turn < job.turns; turn += 1) await Promise.resolve();
          running.delete(job);
          return job.id;
        });
        assert.equal(
          ran.sort((a, b) => a - b),
          jobs.map(({ id }) => id),
        );
      },
    ),
  );
});

test.run();
