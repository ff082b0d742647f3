import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isValidKubernetesName, isValidName } from './validate-keys.js';

test('vectors of the reference: names', () => {
  const accepted = 'myname|my name|00112|My_name 0001-0002|Sonoral S.A.|Atlantic, Inc.|Pillimo Go!';
  for (const name of accepted.split('|')) assert.ok(isValidName(name), name);
  for (const name of ['', ' name', '-name', 'a;sldfj', '$fadf']) assert.not.ok(isValidName(name), name);
});

test('names of clusters have neither underscores nor spaces', () => {
  for (const name of ['c1', '1.a-b', 'AutoCluster']) assert.ok(isValidKubernetesName(name), name);
  for (const name of ['', 'a_b', 'a b', '-a', '.a', 'a!']) assert.not.ok(isValidKubernetesName(name), name);
});

test.run();
