import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAltNames } from './alt-names.js';

test('names come with their kinds', () => {
  assert.equal(parseAltNames(''), []);
  assert.equal(parseAltNames('DNS:agent-1, IP Address:127.0.0.1, URI:spiffe://site/agent?x=1:2'), [
    'DNS:agent-1',
    'IP Address:127.0.0.1',
    'URI:spiffe://site/agent?x=1:2',
  ]);
  assert.equal(parseAltNames('IP Address:0:0:0:0:0:0:0:1, DNS:b'), ['IP Address:0:0:0:0:0:0:0:1', 'DNS:b']);
});

test('a name with a separator in it stays one name', () => {
  assert.equal(parseAltNames('URI:"http://x/, DNS:admin, y", DNS:me'), [
    'URI:http://x/, DNS:admin, y',
    'DNS:me',
  ]);
  assert.equal(parseAltNames('DNS:"a\\", DNS:admin"'), ['DNS:a", DNS:admin']);
});

test.run();
