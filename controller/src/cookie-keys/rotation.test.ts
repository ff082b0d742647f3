import type { CookieKey } from '@edgeplane/proto/edgeproto/cookie_key.js';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cookieKey, kidOf, planRotation } from './rotation.js';

const DAY = 86_400_000;

test('the first key at once, the next when it is old, and two at a time after that', () => {
  let keys: CookieKey[] = [];
  const kids: number[][] = [];
  for (let now = 0; now <= 5 * DAY; now += DAY / 4) {
    const { add, remove } = planRotation(keys, now, DAY);
    keys = keys.filter((key) => !remove.includes(key));
    if (add !== undefined) keys.push(cookieKey(add, `s${add}`, now));
    if (now % DAY === DAY / 4) kids.push(keys.map(kidOf));
  }
  assert.equal(kids, [[1], [1, 2], [2, 3], [3, 4], [4, 5]]);
});

test('a cookie that lives for less than a rotation can always be checked', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 2 * DAY }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: DAY - 1 }), (pauses, lifetime) => {
      let now = 0;
      let keys: CookieKey[] = [];
      const cookies: { kid: number; until: number }[] = [];
      for (const pause of pauses) {
        now += pause;
        const { add, remove } = planRotation(keys, now, DAY);
        keys = keys.filter((key) => !remove.includes(key));
        if (add !== undefined) keys.push(cookieKey(add, 'x', now));
        for (const { kid, until } of cookies)
          assert.ok(until < now || keys.some((key) => kidOf(key) === kid), `kid ${kid}`);
        cookies.push({ kid: Math.max(...keys.map(kidOf)), until: now + lifetime });
      }
    }),
  );
});

test.run();
