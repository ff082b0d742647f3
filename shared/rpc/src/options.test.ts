import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { channelOptions, NOTIFY_CLIENT_KEEPALIVE } from './options.js';

const IDLE = 'grpc.keepalive_permit_without_calls';

test('pings go between calls unless they are for calls only', () => {
  assert.is(channelOptions({ keepalive: NOTIFY_CLIENT_KEEPALIVE })[IDLE], 1);
  const duringCalls = { ...NOTIFY_CLIENT_KEEPALIVE, duringCallsOnly: true };
  assert.is(channelOptions({ keepalive: duringCalls })[IDLE], 0);
  assert.is(channelOptions({})[IDLE], undefined);
});

test.run();
