/** Which member of a cluster is asked, how often and for how long. */
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EtcdCalls } from './etcd-calls.js';
import { KVService, TxnRequest, TxnResponse } from './gen/etcd.js';

/** A member that loses the first calls, as one does whose leader dies with them. */
async function member(lost: number) {
  let calls = 0;
  const server = new Server();
  const txn = (_call: unknown, answer: (error: null, response: TxnResponse) => void) => {
    calls += 1;
    if (calls > lost) answer(null, TxnResponse.fromPartial({ succeeded: true }));
  };
  server.addService({ txn: KVService.txn }, { txn } as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { url: `http://127.0.0.1:${port}`, calls: () => calls, stop: () => server.forceShutdown() };
}

test('a write that several members lose, one after the other, is still made in time', async () => {
  const members = [await member(1), await member(1), await member(1)];
  const calls = new EtcdCalls(members.map(({ url }) => url));
  const policy = { timeoutMs: 5000, repeat: 'guarded' } as const;
  const { response, uncertain } = await calls.call(KVService.txn, TxnRequest.fromPartial({}), policy);
  assert.ok(response.succeeded);
  assert.match(uncertain ?? '', `${members[0]?.url}: Deadline exceeded`);
  assert.equal(
    members.map((m) => m.calls()),
    [2, 1, 1],
  );
  calls.close();
  for (const { stop } of members) stop();
});

test('what may not be repeated has all the time', async () => {
  const members = [await member(1), await member(0)];
  const calls = new EtcdCalls(members.map(({ url }) => url));
  const policy = { timeoutMs: 1500, repeat: 'never' } as const;
  const error = await calls.call(KVService.txn, TxnRequest.fromPartial({}), policy).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  assert.match(
    error?.message ?? '',
    /it is not known whether the write was applied: .* Deadline exceeded after 1\.[45]/,
  );
  assert.equal(
    members.map((m) => m.calls()),
    [1, 0],
  );
  calls.close();
  for (const { stop } of members) stop();
});

test.run();
