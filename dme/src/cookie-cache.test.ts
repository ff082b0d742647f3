import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CookieCache } from './cookie-cache.js';
import { cookieKeys } from './keys/cookie-keys.js';
import { signToken } from './keys/signed-token.js';
import { checkCookie } from './sessions.js';

const SETS = [
  [{ kid: 1, secret: 'one' }],
  [
    { kid: 1, secret: 'one' },
    { kid: 2, secret: 'two' },
  ],
  [{ kid: 2, secret: 'two' }],
  [{ kid: 2, secret: 'another two' }],
].map(cookieKeys);

test('a cookie is good exactly when a check says so, as time passes and keys come and go', () => {
  const cookies = SETS.flatMap((keys) =>
    [0, 50].flatMap((iat) =>
      [60, 200].map((exp) => signToken(keys, { iat, exp, key: { devname: `${iat}` } })),
    ),
  );
  const ask = fc.record({
    cookie: fc.constantFrom(...cookies, 'a.b.c', ''),
    keys: fc.constantFrom(...SETS),
    // Clocks are set back, too.
    now: fc.nat(250),
  });
  const outcome = (check: () => unknown) => {
    try {
      return check();
    } catch (error) {
      return String(error);
    }
  };
  fc.assert(
    fc.property(fc.array(ask, { maxLength: 60 }), fc.integer({ min: 2, max: 12 }), (all, most) => {
      const cache = new CookieCache(checkCookie, most);
      for (const { cookie, keys, now } of all) {
        assert.equal(
          outcome(() => cache.check(cookie, keys, now)),
          outcome(() => checkCookie(cookie, keys, now)),
        );
        assert.ok(cache.size <= most);
      }
    }),
    { numRuns: 300 },
  );
});

test('a cookie that is shown again and again is checked once, however many others come', () => {
  const [keys] = SETS;
  if (!keys) throw new RangeError('no keys');
  const checks = new Map<string, number>();
  const cache = new CookieCache((cookie) => {
    checks.set(cookie, (checks.get(cookie) ?? 0) + 1);
    return {
      session: { app: { developerKey: { name: '' }, name: '', version: '' }, peerIp: '' },
      exp: 9,
      kid: 1,
    };
  }, 20);
  for (let i = 0; i < 1000; i++) {
    cache.check('mine', keys, 1);
    cache.check(`other ${i}`, keys, 1);
  }
  assert.is(checks.get('mine'), 1);
  assert.is(checks.size, 1001);
});

test.run();
