import type { PeerInfo } from '@edgeplane/notify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Demand } from './demand.js';

const peer = (id: number) => ({ id: BigInt(id) }) as PeerInfo;
const never = new AbortController().signal;
const sites = (...cloudlets: string[]) => ({ cloudlets, whole: [] });

test('the scope upward is the union of those below, and changes only with it', async () => {
  const demand = new Demand();
  const changes: string[] = [];
  demand.onChange((add, remove, number) =>
    changes.push(`${number} +${[...add.cloudlets, ...add.whole]} -${[...remove.cloudlets, ...remove.whole]}`),
  );
  const both = [demand.wantOnly(peer(1), sites('x', 'y'), never), demand.want(peer(2), sites('y'), never)];
  assert.equal(changes, ['2 +x,y -']);
  demand.inStep(1);
  assert.ok(demand.begun);
  demand.inStep(2);
  await Promise.all(both);
  // What is here is here at once; what is new has to come first.
  await demand.want(peer(3), sites('x'), never);
  let came = false;
  const third = demand.want(peer(3), { cloudlets: [], whole: ['edgeproto.App'] }, never).then(() => {
    came = true;
  });
  await Promise.resolve();
  assert.not.ok(came);
  demand.inStep(3);
  await third;
  demand.release(peer(1));
  demand.release(peer(3));
  assert.equal(changes.slice(2), ['4 + -x,edgeproto.App']);
  assert.equal(demand.wanted, { cloudlets: ['y'], whole: [], number: 4 });
  // One that begins anew keeps what it still wants without a word upward.
  void demand.wantOnly(peer(2), sites('y'), never);
  assert.is(demand.wanted.number, 4);
});

test('who leaves or gives up waits no more', async () => {
  const demand = new Demand();
  const fails = async (work: Promise<void>, text: RegExp) =>
    assert.match(
      await work.then(
        () => 'done',
        (error: Error) => error.message,
      ),
      text,
    );
  const gone = demand.want(peer(1), sites('x'), never);
  demand.release(peer(1));
  await fails(gone, /the peer is gone/);
  const end = new AbortController();
  const late = demand.fresh(end.signal);
  end.abort(new Error('too late'));
  await fails(late, /too late/);
});

test.run();
