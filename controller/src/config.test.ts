import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from './config.js';

const parse = (...argv: string[]) => parseConfig(argv, '/home/me').config;

test('defaults', () => {
  const config = parse();
  assert.is(config.store, 'lmdb:/home/me/.edgeplane/controller');
  assert.equal([config.region, config.apiAddr, config.notifyAddr], [1, '127.0.0.1:55001', '127.0.0.1:50001']);
  assert.equal([config.rootDomain, config.imageRegistry], ['edge.internal', 'registry.edge.internal']);
  assert.equal(config.timeouts, { create: 1_800_000, update: 1_200_000, delete: 1_200_000 });
});

test('flags of the reference, as its scripts give them', () => {
  const config = parse(
    ...['-etcdUrls', 'http://127.0.0.1:30001', '-notifyAddr', '127.0.0.1:37001', '-shortTimeouts'],
    ...['--apiAddr=127.0.0.1:55001', '--httpAddr', '127.0.0.1:36001', '-d', 'notify,api', '-v', '4'],
    ...[
      '-log_dir',
      '/tmp',
      '-logtostderr',
      '-influxAddr',
      'x:8086',
      '-r',
      'y',
      '-region',
      '2',
      '-autoUpgrade',
    ],
  );
  assert.equal([config.store, config.region], ['etcd:http://127.0.0.1:30001', 2]);
  assert.equal([config.autoUpgrade, config.forceUpgrade], [true, false]);
  assert.equal(config.timeouts, { create: 3000, update: 2000, delete: 2000 });
});

const BAD: readonly (readonly [string[], RegExp])[] = [
  [['--region', '0'], /--region: must be a whole number from 1 up, but got "0"/],
  [['--region', '1.5'], /--region/],
  [['--local-etcd'], /--store/],
  [['--store', 'floppy:a'], /floppy:a/],
  [['--store', 'lmdb:'], /lmdb:/],
  [['--store', 'memory', '--etcd-urls', 'http://x'], /--etcd-urls/],
  [['--root-domain', 'a..b'], /--root-domain/],
  [['--create-timeout', '0'], /create-timeout: must be more than 0/],
  [['--create-timeout', 'soon'], /create-timeout/],
];

for (const [argv, pattern] of BAD) {
  test(`${argv.join(' ')} is refused`, () => {
    assert.throws(
      () => parse(...argv),
      (error: Error) => pattern.test(error.message),
    );
  });
}

test.run();
