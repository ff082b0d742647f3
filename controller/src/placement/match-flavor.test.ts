import type { FlavorInfo } from '@edgeplane/proto/edgeproto/cloudlet.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matchFlavor } from './match-flavor.js';

/** `tiny1 1/512/10`: name, vcpus/ram/disk. */
function offered(text: string): FlavorInfo[] {
  return text.split(', ').map((element) => {
    const [name = '', sizes = ''] = element.split(' ');
    const [vcpus = 0n, ram = 0n, disk = 0n] = sizes.split('/').map(BigInt);
    return { name, vcpus, ram, disk };
  });
}

const WANTED: Readonly<Record<string, readonly [bigint, bigint, bigint]>> = {
  'x1.tiny': [1024n, 1n, 1n],
  'x1.small': [2048n, 2n, 2n],
  'x1.medium': [4096n, 4n, 4n],
  'x1.large': [8192n, 10n, 40n],
};

function match(list: string, name: string): string {
  const [ram = 0n, vcpus = 0n, disk = 0n] = WANTED[name] ?? [];
  return matchFlavor(offered(list), { fields: [], key: { name }, ram, vcpus, disk, devices: [] });
}

const VECTORS: readonly (readonly [string, string, string])[] = [
  ['tiny1 1/512/10, tiny2 1/1024/10, small 2/1024/20, medium 4/4096/40', 'x1.tiny', 'tiny2'],
  ['tiny1 1/512/10, tiny2 1/1024/10, small 2/1024/20, medium 4/4096/40', 'x1.small', 'medium'],
  ['small1 2/2048/10, small2 2/1024/20', 'x1.tiny', 'small2'],
  ['small1 2/2048/10, small2 2/1024/20', 'x1.small', 'small1'],
  ['medium1 4/8192/80, medium2 4/4096/40, medium3 4/2048/20', 'x1.tiny', 'medium3'],
  ['medium1 4/8192/80, medium2 4/4096/40, medium3 4/2048/20', 'x1.medium', 'medium2'],
  ['large 8/101024/100, medium 4/1/1', 'x1.medium', 'large'],
  ['large 8/101024/100, medium 4/1/1', 'x1.tiny', 'large'],
];

for (const [list, wanted, found] of VECTORS) {
  test(`${wanted} on ${list}: ${found}`, () => assert.is(match(list, wanted), found));
}

test('none fits', () => {
  assert.throws(
    () => match('large 8/101024/100', 'x1.large'),
    /no suitable platform flavor found for x1.large, please try a smaller flavor/,
  );
});

test.run();
