import { ManualClock } from '@edgeplane/base';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LATENCY_LIMITS, LatencyBook } from './latency-book.js';

const HERE = { latitude: 50, longitude: 10 };
const SITE = { latitude: 51, longitude: 10 };

function book(over: Partial<typeof LATENCY_LIMITS> = {}) {
  const clock = new ManualClock();
  return { clock, book: new LatencyBook(clock, { ...LATENCY_LIMITS, ...over }) };
}

test('it takes enough who report, each of whom counts once, by its last report', () => {
  const t = book();
  for (const ms of [10, 20, 30]) t.book.report('a', HERE, 'site', SITE, ms);
  t.book.report('b', HERE, 'site', SITE, 12);
  assert.is(t.book.find(HERE, 'site'), undefined);
  t.book.report('c', HERE, 'site', SITE, 14);
  assert.equal(t.book.find(HERE, 'site'), { ms: 14, reports: 3 });
  assert.is(t.book.find({ latitude: 40, longitude: 10 }, 'site'), undefined, 'another region');
  assert.is(t.book.find(HERE, 'other'), undefined);
});

test('liars who are fewer than the honest move it no farther than those', () => {
  const honest = fc.array(fc.double({ min: 5, max: 50, noNaN: true }), { minLength: 3, maxLength: 15 });
  const lie = fc.double({ min: 0, max: 20_000, noNaN: true });
  fc.assert(
    fc.property(
      honest,
      fc.array(lie, { maxLength: 14 }),
      fc.infiniteStream(fc.boolean()),
      (truths, lies, order) => {
        const t = book();
        const liars = lies.slice(0, truths.length - 1);
        const left = { truths: [...truths.entries()], liars: [...liars.entries()] };
        while (left.truths.length + left.liars.length > 0) {
          const fromLiar = order.next().value === true;
          const [name, list] = fromLiar
            ? (['liar', left.liars] as const)
            : (['honest', left.truths] as const);
          const [next] = list.splice(0, 1);
          if (next) t.book.report(`${name} ${next[0]}`, HERE, 'site', SITE, next[1]);
          else if (left.truths.length === 0 || left.liars.length === 0) {
            for (const [i, ms] of left.truths.splice(0)) t.book.report(`honest ${i}`, HERE, 'site', SITE, ms);
            for (const [i, ms] of left.liars.splice(0)) t.book.report(`liar ${i}`, HERE, 'site', SITE, ms);
          }
        }
        const { ms = Number.NaN } = t.book.find(HERE, 'site') ?? {};
        assert.ok(ms >= Math.min(...truths) && ms <= Math.max(...truths), `${ms}`);
      },
    ),
    { numRuns: 100 },
  );
});

test('nothing is faster than light, or a measurement when it takes many seconds', () => {
  const t = book();
  assert.match(
    t.book.report('a', HERE, 'site', SITE, 0.7) ?? '',
    /less than light takes for the distance, 0.74 ms/,
  );
  assert.match(t.book.report('a', HERE, 'site', HERE, 0) ?? '', /less than light/);
  assert.match(t.book.report('a', HERE, 'site', SITE, 10_001) ?? '', /more than 10000 ms/);
  assert.match(t.book.report('a', HERE, 'site', SITE, Number.NaN) ?? '', /NaN/);
  assert.is(t.book.report('a', HERE, 'site', SITE, 0.8), undefined);
});

test('older reports count less, and in the end not at all', () => {
  const t = book();
  for (const who of ['a', 'b', 'c']) t.book.report(who, HERE, 'site', SITE, 50);
  t.clock.advance(20 * 60_000);
  t.book.report('d', HERE, 'site', SITE, 10);
  assert.equal(t.book.find(HERE, 'site'), { ms: 10, reports: 4 });
  t.clock.advance(61 * 60_000);
  assert.is(t.book.find(HERE, 'site'), undefined);
});

test('it takes bounded room', () => {
  const t = book({ pairs: 10, reporters: 5 });
  for (let i = 0; i < 100; i++)
    for (let who = 0; who < 7; who++) t.book.report(`${who}`, HERE, `site ${i}`, SITE, 5 + who);
  assert.is(t.book.size, 10);
  assert.is(t.book.find(HERE, 'site 89'), undefined);
  assert.equal(t.book.find(HERE, 'site 99'), { ms: 9, reports: 5 });
});

test.run();
