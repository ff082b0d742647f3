import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatAddress, parseAddress } from './address.js';

test('addresses split and join', () => {
  for (const [text, host, port] of [
    ['127.0.0.1:50001', '127.0.0.1', 50001],
    ['localhost:0', 'localhost', 0],
    ['[::1]:8080', '::1', 8080],
    [':8080', '', 8080],
  ] as const) {
    assert.equal(parseAddress(text), { host, port });
    assert.is(formatAddress({ host, port }), text);
  }
});

test('what is none is refused by name', () => {
  for (const text of ['', 'host', 'host:', 'host:65536', '::1:80', 'http://host:80', 'a b:1', 'host:1x'])
    assert.throws(() => parseAddress(text), `bad address "${text}": expected host:port`);
});

test.run();
