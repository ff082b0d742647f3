import { defineErrors, EdgeplaneError, fail } from '@edgeplane/base';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fromServiceError, toServiceError } from './service-error.js';

const kinds = defineErrors({
  BUSY: ['ABORTED', '{what} is busy', 'retryable'],
});

/** As grpc-js hands it to a client. */
function received(wire: ReturnType<typeof toServiceError>): ServiceError {
  return Object.assign(new Error(`${wire.code} X: ${wire.details}`), wire);
}

test('status, text and code survive the wire; causes do not go on it', () => {
  const wire = toServiceError(fail(kinds.BUSY, { what: 'it' }, { cause: new Error('secret') }));
  assert.is(wire.code, 10);
  assert.is(wire.details, 'it is busy');
  assert.not.ok(JSON.stringify(wire.metadata.toJSON()).includes('secret'));
  const error = fromServiceError(received(wire));
  assert.instance(error, EdgeplaneError);
  const { status, message, code, kind } = error as EdgeplaneError;
  assert.equal([status, message, code, kind.retryable], ['ABORTED', 'it is busy', 'BUSY', true]);
});

test('anything unknown is an internal error', () => {
  for (const thrown of [new Error('secret'), 'secret', undefined, null])
    assert.equal([toServiceError(thrown).code, toServiceError(thrown).details], [13, 'internal error']);
});

test('errors of other servers get a code by status; what is no call error stays itself', () => {
  const foreign = Object.assign(new Error('2 UNKNOWN: Key not found'), {
    code: 2,
    details: 'Key not found',
    metadata: new Metadata(),
  });
  const error = fromServiceError(foreign) as EdgeplaneError;
  assert.equal([error.code, error.status, error.message], ['REMOTE_UNKNOWN', 'UNKNOWN', 'Key not found']);
  const other = new TypeError('x');
  assert.is(fromServiceError(other), other);
});

test('a text that no header could hold is cut, and says so', () => {
  const { details } = toServiceError(fail(kinds.BUSY, { what: 'x'.repeat(100_000) }));
  assert.ok(details.length < 8300);
  assert.match(details, /\.\.\. \(\d+ more characters\)$/);
});

test.run();
