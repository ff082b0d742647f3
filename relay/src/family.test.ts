import { ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Family } from './family.js';

test('a relay is neither its own ancestor nor its own descendant', () => {
  const clock = new ManualClock();
  const family = new Family('me', clock);
  assert.ok(family.climb(['parent', 'controller']));
  assert.not.ok(family.climb(['parent', 'controller']), 'nothing new');
  assert.throws(() => family.climb(['child', 'me']), /relay me would be its own ancestor: child - me/);
  assert.throws(() => family.admit('parent', ['parent']), /would be its own ancestor/);
  assert.throws(() => family.admit('child', ['child', 'me']), /would be its own ancestor/);
  family.admit('child', ['child', 'grandchild']);
  family.admit('agent', []);
  assert.equal(family.asked, ['child', 'grandchild']);
  clock.advance(60_001);
  assert.equal(family.asked, []);
});

test.run();
