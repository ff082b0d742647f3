import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defineErrors, EdgeplaneError, fail, isKind, messageOf } from './index.js';

const errors = defineErrors({
  NOT_THERE: ['NOT_FOUND', '{what} not found'],
  BUSY: ['UNAVAILABLE', 'busy', 'retryable'],
});

test('an entry has its code, status and whether a repeat may help', () => {
  assert.equal(errors.NOT_THERE, {
    code: 'NOT_THERE',
    status: 'NOT_FOUND',
    template: '{what} not found',
    retryable: false,
  });
  assert.is(errors.BUSY.retryable, true);
});

test('fail fills the template and keeps the cause out of the message', () => {
  const error = fail(errors.NOT_THERE, { what: 'Flavor' }, { cause: new Error('secret') });
  assert.instance(error, EdgeplaneError);
  assert.is(error.message, 'Flavor not found');
  assert.is(error.status, 'NOT_FOUND');
  assert.ok(isKind(error, errors.NOT_THERE));
  assert.not(isKind(error, errors.BUSY));
  assert.not(isKind(new Error('x'), errors.BUSY));
});

test('a placeholder without value stays visible; anything thrown has a text', () => {
  assert.is(fail(errors.NOT_THERE).message, '{what} not found');
  assert.is(messageOf('plain'), 'plain');
});

test.run();
