import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { localKindOf } from './local-addresses.js';

test('what only this machine, its link or its cloud answers is told apart from the rest', () => {
  for (const [address, kind] of [
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['::', 'unspecified'],
    ['::7f00:1', 'unspecified'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fd00:ec2::254', 'cloud metadata'],
    ['168.63.129.16', 'cloud metadata'],
    ['255.255.255.255', 'multicast or reserved'],
    ['ff02::1', 'multicast or reserved'],
    ['64:ff9b::7f00:1', 'translated'],
    ['2002:7f00:1::', 'translated'],
    ['10.0.0.1', undefined],
    ['192.168.1.1', undefined],
    ['93.184.216.34', undefined],
    ['2606:2800:220:1::1', undefined],
    ['fd00::1', undefined],
  ] as const)
    assert.is(localKindOf(address), kind, address);
});

test.run();
