import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { helpText, parseDuration, parseFlags } from './index.js';

const SPECS = {
  etcdUrls: { type: 'string', default: 'http://127.0.0.1:2380', about: 'servers' },
  shortTimeouts: { type: 'boolean', default: 'false', about: 'wait less' },
  region: { type: 'number', default: '1', about: 'region' },
  cookieExpiration: { type: 'duration', default: '24h', about: 'life of a cookie' },
  platform: { type: 'string', default: 'fake', about: 'driver', choices: ['fake', 'local'] },
} as const;

test('Go-style and kebab-case spellings, one or two dashes, with or without =', () => {
  for (const argv of [['-etcdUrls', 'x'], ['--etcdUrls', 'x'], ['--etcd-urls=x'], ['-etcd-urls=x']]) {
    const { values, given } = parseFlags(SPECS, argv);
    assert.is(values.etcdUrls, 'x');
    assert.equal([...given], ['etcdUrls']);
  }
});

test('a boolean takes a value only after =', () => {
  assert.is(parseFlags(SPECS, ['-shortTimeouts']).values.shortTimeouts, true);
  assert.is(parseFlags(SPECS, ['--short-timeouts=false']).values.shortTimeouts, false);
  assert.throws(() => parseFlags(SPECS, ['-shortTimeouts', 'false']), /unexpected argument "false"/);
});

test('defaults and types', () => {
  const { values } = parseFlags(SPECS, []);
  assert.is(values.region, 1);
  assert.is(values.cookieExpiration, 86_400_000);
});

test('faults name flag, rule and value', () => {
  assert.throws(() => parseFlags(SPECS, ['--etcd']), /unknown flag --etcd; did you mean --etcdUrls\?/);
  assert.throws(() => parseFlags(SPECS, ['--zzz']), /unknown flag --zzz; see --help/);
  assert.throws(() => parseFlags(SPECS, ['--region']), /flag --region needs a value/);
  assert.throws(() => parseFlags(SPECS, ['--region=one']), /flag --region: must be a number, but got "one"/);
  assert.throws(() => parseFlags(SPECS, ['--cookie-expiration=5']), /must be a duration/);
  assert.throws(() => parseFlags(SPECS, ['--platform=x']), /must be one of fake, local, but got "x"/);
});

test('durations', () => {
  assert.is(parseDuration('1h30m'), 5_400_000);
  assert.is(parseDuration('-2.5s'), -2500);
  assert.is(parseDuration('0'), 0);
  assert.throws(() => parseDuration('5'), /invalid duration "5"/);
  assert.throws(() => parseDuration(''), /invalid duration/);
});

test('the help names every flag', () => {
  const help = helpText('controller', 'keeps state', SPECS);
  for (const word of ['--etcd-urls', '--etcdUrls', 'default 24h', '--version']) assert.match(help, word);
});

test.run();
