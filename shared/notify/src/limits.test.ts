import { EdgeplaneError, parseFlags } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clientLimitsOf, DEFAULT_LIMITS, limitsOf, NOTIFY_LIMIT_FLAGS, NOTIFY_LIMITS } from './limits.js';

const limits = (...argv: string[]) => limitsOf(parseFlags(NOTIFY_LIMIT_FLAGS, argv).values);

function refusal(...argv: string[]): string {
  try {
    limits(...argv);
  } catch (error) {
    assert.instance(error, EdgeplaneError);
    assert.is((error as EdgeplaneError).status, 'INVALID_ARGUMENT');
    return (error as EdgeplaneError).message;
  }
  return 'taken';
}

test('without flags everything is as by default, and defaults keep their rules', () => {
  assert.equal(limits(), DEFAULT_LIMITS);
  assert.is(DEFAULT_LIMITS.maxNoticeBytes, 4_194_304);
  assert.is(DEFAULT_LIMITS.graceMs, 10_000);
});

test('a flag changes its limit', () => {
  const changed = limits('--notify-max-sessions-per-address', '20000', '--notify-grace', '1m30s');
  assert.equal(changed, { ...DEFAULT_LIMITS, maxSessionsPerAddress: 20_000, graceMs: 90_000 });
  const { maxHeldBytes, ...rest } = clientLimitsOf(changed);
  assert.is(maxHeldBytes, undefined, 'a client trusts who is above with more');
  assert.is(rest.graceMs, 90_000);
});

test('what breaks the protocol is refused, with flag, rule and value', () => {
  assert.is(refusal('--notify-grace', '11m'), 'flag --notify-grace: must be from 0s to 600s, but got "660s"');
  assert.is(
    refusal('--notify-window-frames', '3'),
    'flag --notify-window-frames: must be a whole number from 4 to 4096, but got "3"',
  );
  assert.match(refusal('--notify-window-frames', '4.5'), /but got "4.5"$/);
  assert.match(refusal('--notify-max-notice', '5000000'), /to 4194304, but got "5000000"$/);
  assert.match(
    refusal('--notify-max-scope', '18000', '--notify-max-notice', '1048576'),
    /allows 18000, but got/,
  );
  assert.is(refusal('--notify-max-scope', '18000'), 'taken');
});

test('every flag is refused just outside of its bounds, and taken at them', () => {
  for (const row of Object.values(NOTIFY_LIMITS)) {
    if (!('flag' in row)) continue;
    const { flag, least, most, unit } = row;
    const text = (value: number) => (unit === 'ms' ? `${value}ms` : String(value));
    assert.is.not(refusal(`--${flag}=${text(most + 1)}`), 'taken', flag);
    if (least > 0) assert.is.not(refusal(`--${flag}=${text(least - 1)}`), 'taken', flag);
    const others = flag === 'notifyMaxNotice' ? ['--notify-max-scope', '100'] : [];
    for (const value of [least, most])
      assert.is(refusal(`--${flag}=${text(value)}`, ...others), 'taken', flag);
  }
});

test.run();
