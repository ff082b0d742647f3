// test: timeout=400s
import { createServer } from 'node:net';
import { createLogger, isKind, systemClock } from '@edgeplane/base';
import {
  CacheSync,
  EtcdStore,
  type Op,
  openStore,
  type Store,
  stm,
  storeErrors,
  type TxnRequest,
  type TxnResult,
  type WatchBatch,
} from '@edgeplane/store';
import { storeConformance } from '@edgeplane/store/conformance';
import { type Etcd, eventually, startEtcd, tempDir } from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const dir = tempDir('etcd');
let etcd: Etcd;
const logger = createLogger({ name: 'store-etcd', level: process.env['LOG_LEVEL'] ?? 'silent' });

test.before(async () => {
  etcd = await startEtcd({ dir: dir.path });
});
test.after(async () => {
  await etcd.stop();
  dir.remove();
});

async function wipe(): Promise<void> {
  const store = new EtcdStore([etcd.url]);
  const { entries } = await store.list('');
  for (let i = 0; i < entries.length; i += 128) {
    const ops = entries.slice(i, i + 128).map(({ key }): Op => ({ type: 'delete', key }));
    await store.txn({ ops });
  }
  await store.close();
}

storeConformance(
  test,
  'etcd',
  async () => {
    const first = new EtcdStore([etcd.url], { logger });
    const opened: EtcdStore[] = [first];
    const open = () => {
      const store = new EtcdStore([etcd.url], { logger });
      opened.push(store);
      return store;
    };
    return {
      store: first,
      cleanup: async () => {
        for (const store of opened) await store.close();
        await wipe();
      },
      restart: async () => {
        await first.close();
        return open();
      },
      connect: async () => open(),
      compact: (revision) => first.compact(revision),
      mortal: async (ttlSeconds) => {
        const store = open();
        return { store, lease: await store.lease(ttlSeconds), die: () => store.abandon() };
      },
    };
  },
  ['restart', 'connect', 'compact', 'mortal'],
);

const putOp = (key: string, value: string): Op => ({ type: 'put', key, value });

/** Writes and watches below a prefix until it is stopped, and remembers what was promised to it. */
class Workload {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #stop = new AbortController();
  readonly #stopWriting = new AbortController();
  readonly acked = new Map<number, number>();
  readonly batches: WatchBatch[] = [];
  increments = 0;
  uncertain = 0;
  failed = 0;
  compacted = 0;
  /** The revision up to which everything was watched, or listed where the watch had to start again. */
  #position = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #watching: Promise<unknown> = Promise.resolve();

  constructor(store: Store, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async start(): Promise<void> {
    const { revision } = await this.#store.get(this.#prefix);
    this.#writing = Promise.all([this.#write(), this.#count()]);
    this.#watching = this.#watch(revision);
  }

  async stop(): Promise<void> {
    await this.#endWriting();
    this.#stop.abort();
    await this.#watching;
  }

  async #endWriting(): Promise<void> {
    this.#stopWriting.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    for (let n = 1; !this.#stopWriting.signal.aborted; n++) {
      await this.#try(async () => {
        const ops = [putOp(`${this.#prefix}1/N/${n}`, `${n}`), putOp(`${this.#prefix}1/Last/last`, `${n}`)];
        this.acked.set(n, (await this.#store.txn({ ops })).revision);
      });
    }
  }

  async #count(): Promise<void> {
    while (!this.#stopWriting.signal.aborted) {
      await this.#try(async () => {
        await stm(this.#store, async (tx) => {
          const key = `${this.#prefix}1/Counter/counter`;
          tx.put(key, String(Number((await tx.get(key))?.value ?? 0) + 1));
        });
        this.increments += 1;
      });
    }
  }

  async #try(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (isKind(error, storeErrors.WRITE_UNCERTAIN)) this.uncertain += 1;
      else if (isKind(error, storeErrors.STORE_UNAVAILABLE)) this.failed += 1;
      else throw error;
    }
  }

  async #watch(from: number): Promise<void> {
    let after = from;
    while (!this.#stop.signal.aborted) {
      try {
        for await (const batch of this.#store.watch(this.#prefix, after, this.#stop.signal)) {
          after = batch.revision;
          this.#position = after;
          if (batch.events.length > 0) this.batches.push(batch);
        }
      } catch (error) {
        if (!isKind(error, storeErrors.COMPACTED)) throw error;
        this.compacted += 1;
        after = (await this.#store.list(this.#prefix)).revision;
        this.#position = after;
      }
    }
  }

  /** Ends the writing and checks every promise, once the watch has seen the last of them. `gaps`: the watch had to list in between. */
  async verify(gaps = false): Promise<void> {
    await this.#endWriting();
    const last = Math.max(...this.acked.values());
    await eventually('the watch reaches the last write', () => this.#position >= last);
    await this.stop();
    const revisions = this.batches.map((b) => b.revision);
    assert.equal(
      revisions,
      [...new Set(revisions)].sort((a, b) => a - b),
      'in order, nothing twice',
    );
    const seen = new Map<string, number>();
    for (const { events } of this.batches) {
      for (const e of events) if (e.type === 'put') seen.set(e.entry.key, e.entry.revision);
    }
    const listed = new Map((await this.#store.list(this.#prefix)).entries.map((e) => [e.key, e.revision]));
    for (const [n, revision] of this.acked) {
      const key = `${this.#prefix}1/N/${n}`;
      assert.is(listed.get(key), revision, `write ${n} was acknowledged`);
      if (!gaps) assert.is(seen.get(key), revision, `write ${n} was watched`);
    }
    logger.info(
      {
        acked: this.acked.size,
        increments: this.increments,
        uncertain: this.uncertain,
        failed: this.failed,
        compacted: this.compacted,
      },
      'workload',
    );
    const counter = Number((await this.#store.get(`${this.#prefix}1/Counter/counter`)).entry?.value ?? 0);
    assert.ok(
      counter >= this.increments && counter <= this.increments + this.uncertain,
      `counter ${counter}`,
    );
  }
}

function cacheOf(store: Store, region: string) {
  const sync = new CacheSync(store, region, { logger });
  const numbers = sync.register({ name: 'N', prefix: '1/N/', decode: (entry) => Number(entry.value) });
  const last = sync.register({ name: 'Last', prefix: '1/Last/', decode: (entry) => Number(entry.value) });
  return { sync, numbers, last };
}

/** A workload and a cache on clients of their own, `disturb` while they run, then everything is checked. */
async function chaos(
  region: string,
  disturb: (work: Workload, store: EtcdStore) => Promise<void>,
  gaps = false,
) {
  const store = new EtcdStore([etcd.url], { logger });
  const reader = new EtcdStore([etcd.url], { logger });
  const work = new Workload(store, `${region}/`);
  const { sync, numbers, last } = cacheOf(reader, region);
  try {
    await work.start();
    await sync.start();
    await disturb(work, store);
    const before = work.acked.size;
    await eventually('writes go on', () => work.acked.size >= before + 20);
    await work.verify(gaps);
    const { entries, revision } = await store.list(`${region}/1/N/`);
    await sync.reached(revision, AbortSignal.timeout(30_000));
    assert.equal(
      numbers.values().sort((a, b) => a - b),
      entries.map((e) => Number(e.value)).sort((a, b) => a - b),
    );
    assert.is(last.values().length, 1);
  } finally {
    await work.stop();
    await sync.stop();
    await reader.close();
    await store.close();
    await wipe();
  }
}

test('killed and restarted under a writer and a watcher, three times', () =>
  chaos('killed', async (work) => {
    for (let round = 0; round < 3; round++) {
      const before = work.acked.size;
      await eventually('some writes', () => work.acked.size >= before + 40);
      await etcd.restart();
    }
  }));

test('stopped for 8 s', () =>
  chaos('stopped', async (work) => {
    await eventually('some writes', () => work.acked.size >= 40);
    etcd.pause();
    const end = systemClock.monotonic() + 8000;
    await eventually('8 s have passed', () => systemClock.monotonic() > end);
    etcd.resume();
  }));

test('compacted while the watch is cut', () =>
  chaos(
    'compacted',
    async (work, store) => {
      await eventually('some writes', () => work.acked.size >= 40);
      await etcd.kill('SIGKILL');
      await etcd.restart();
      const { revision } = await store.get('x');
      await store.compact(revision);
    },
    true,
  ));

test('a cache lists again when its revision was compacted while it was cut', async () => {
  const store = new EtcdStore([etcd.url], { logger });
  const gate = await startGate(Number(new URL(etcd.url).port));
  const reader = new EtcdStore([`http://127.0.0.1:${gate.port}`], { logger });
  const { sync, numbers } = cacheOf(reader, 'cut');
  const gone: string[] = [];
  numbers.subscribe(({ key, value }) => value === undefined && gone.push(key));
  try {
    await store.txn({ ops: [putOp('cut/1/N/1', '1'), putOp('cut/1/N/2', '2')] });
    await sync.start();
    gate.close();
    await store.txn({ ops: [{ type: 'delete', key: 'cut/1/N/1' }, putOp('cut/1/N/3', '3')] });
    const { revision } = await store.txn({ ops: [putOp('cut/1/N/2', '22')] });
    await store.compact(revision);
    gate.open();
    await sync.reached(revision, AbortSignal.timeout(30_000));
    assert.equal(
      numbers
        .entries()
        .map((e) => [e.key, e.value])
        .sort(),
      [
        ['2', 22],
        ['3', 3],
      ],
    );
    assert.equal(gone, ['1']);
  } finally {
    await sync.stop();
    await reader.close();
    await gate.stop();
    await store.close();
    await wipe();
  }
});

test('reached settles for a revision outside the region', async () => {
  const store = new EtcdStore([etcd.url], { logger });
  const { sync } = cacheOf(store, 'here');
  await sync.start();
  const { revision } = await store.txn({ ops: [putOp('elsewhere/1/N/1', '1')] });
  await sync.reached(revision, AbortSignal.timeout(10_000));
  await sync.stop();
  await store.close();
  await wipe();
});

test('a connection that swallows everything: reads end after 2 s, watches go on over the other endpoint', async () => {
  const gate = await startGate(Number(new URL(etcd.url).port));
  const store = new EtcdStore([`http://127.0.0.1:${gate.port}`, etcd.url], { logger });
  const only = new EtcdStore([`http://127.0.0.1:${gate.port}`], { logger });
  const { sync, numbers } = cacheOf(store, 'swallow');
  try {
    await sync.start();
    await only.probe();
    gate.swallow();
    const began = systemClock.monotonic();
    const error = await only.get('x').catch((e: unknown) => e);
    assert.ok(isKind(error, storeErrors.STORE_UNAVAILABLE), String(error));
    assert.match(error.message, `etcd:http://127.0.0.1:${gate.port} is unavailable`);
    assert.ok(systemClock.monotonic() - began < 4000);
    await store.get('x');
    const { revision } = await store.txn({ ops: [putOp('swallow/1/N/1', '1')] });
    await sync.reached(revision, AbortSignal.timeout(20_000));
    assert.is(numbers.get('1')?.value, 1);
    await store.txn({ ops: [putOp('swallow/1/N/2', '2')] });
    await eventually('the watch itself is back', () => numbers.get('2')?.value === 2);
  } finally {
    await sync.stop();
    await only.abandon();
    await store.close();
    await gate.stop();
    await wipe();
  }
});

test('a lease that could not be kept alive is told as lost', async () => {
  const gate = await startGate(Number(new URL(etcd.url).port));
  const store = new EtcdStore([`http://127.0.0.1:${gate.port}`], { logger });
  const lease = await store.lease(2);
  gate.swallow();
  assert.ok(isKind(await lease.lost, storeErrors.LEASE_LOST));
  await store.abandon();
  await gate.stop();
});

test('no etcd at all: the error names the urls and the reason', async () => {
  const began = systemClock.monotonic();
  const error = await openStore('etcd:http://127.0.0.1:1,http://127.0.0.1:2').catch((e: unknown) => e);
  assert.ok(isKind(error, storeErrors.STORE_UNAVAILABLE), String(error));
  assert.match(error.message, 'store etcd:http://127.0.0.1:1,http://127.0.0.1:2 is unavailable: ');
  assert.match(error.message, 'ECONNREFUSED');
  assert.ok(systemClock.monotonic() - began < 4000);
});

test('a write whose request or answer is lost is carried out once, and told as what it was', async () => {
  const gate = await startGate(Number(new URL(etcd.url).port));
  const store = new EtcdStore([`http://127.0.0.1:${gate.port}`], { logger });
  const created = await store.txn({ compare: [{ key: 'k', revision: 0 }], ops: [putOp('k', '1')] });
  const next = (succeeded: boolean, writes: number) => ({ succeeded, revision: created.revision + writes });
  const requests: [what: string, request: TxnRequest, outcome: TxnResult][] = [
    ['create', { compare: [{ key: 'new', revision: 0 }], ops: [putOp('new', '1')] }, next(true, 1)],
    [
      'update',
      { compare: [{ key: 'k', revision: created.revision }], ops: [putOp('k', '2')] },
      next(true, 2),
    ],
    ['blind', { ops: [putOp('blind', '1')] }, next(true, 3)],
    ['refused', { compare: [{ key: 'k', revision: 0 }], ops: [putOp('k', '3')] }, next(false, 3)],
    [
      'delete',
      { compare: [{ key: 'k', revision: created.revision + 2 }], ops: [{ type: 'delete', key: 'k' }] },
      // The refusal before was made certain by a write of the store's own.
      next(true, 5),
    ],
  ];
  for (const [what, request, outcome] of requests) {
    gate.cutAnswer();
    const { succeeded, revision } = await store.txn(request);
    assert.is(succeeded, outcome.succeeded, what);
    if (succeeded) assert.is(revision, outcome.revision, what);
  }
  gate.cutRequest();
  assert.ok((await store.txn({ ops: [putOp('blind', '2')] })).succeeded);
  const left = (await store.list('')).entries.map(({ key, value }) => [key, value]);
  assert.equal(left, [
    ['blind', '2'],
    ['new', '1'],
  ]);
  await store.close();
  await gate.stop();
  await wipe();
});

test('a request that arrives late, after its repeat was answered, changes nothing any more', async () => {
  const gate = await startGate(Number(new URL(etcd.url).port));
  const store = new EtcdStore([`http://127.0.0.1:${gate.port}`, etcd.url], { logger });
  const other = new EtcdStore([etcd.url], { logger });
  const create = { compare: [{ key: 'late', revision: 0 }], ops: [putOp('late', '1')] };
  const remove = async () => {
    await other.txn({ ops: [{ type: 'delete', key: 'late' }] });
    await gate.release();
    assert.is((await other.get('late')).entry, undefined);
  };
  await store.probe();

  gate.hold();
  assert.ok((await store.txn(create)).succeeded);
  await remove();

  // The same where the answer was that the key exists.
  const again = new EtcdStore([`http://127.0.0.1:${gate.port}`, etcd.url], { logger });
  await again.probe();
  await other.txn({ ops: [putOp('late', 'there')] });
  gate.hold();
  assert.not.ok((await again.txn(create)).succeeded);
  await remove();
  for (const each of [store, again, other]) await each.close();
  await gate.stop();
  await wipe();
});

/** A TCP relay to etcd that can be shut, or can take everything and pass on nothing. */
async function startGate(target: number) {
  const { connect } = await import('node:net');
  const sockets = new Set<ReturnType<typeof connect>>();
  let shut = false;
  let swallowing = false;
  let cut: 'request' | 'answer' | undefined;
  let holding = false;
  let held: { readonly to: ReturnType<typeof connect>; readonly chunk: Buffer } | undefined;
  const server = createServer((from) => {
    if (shut) return void from.destroy();
    const to = connect(target, '127.0.0.1');
    for (const [a, b] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(a);
      a.on('data', (chunk: Buffer) => {
        const side = a === from ? 'request' : 'answer';
        // Small frames are pings and window updates: the one to be cut is the one with content.
        if (holding && side === 'request' && chunk.length > 60) {
          holding = false;
          held = { to, chunk };
          a.destroy();
        } else if (cut === side && chunk.length > 60) {
          cut = undefined;
          a.destroy();
        } else if (!swallowing) b.write(chunk);
      });
      a.on('error', () => undefined);
      a.on('close', () => {
        sockets.delete(a);
        if (held?.to !== b) b.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const close = () => {
    shut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close,
    open: () => {
      shut = false;
    },
    swallow: () => {
      swallowing = true;
    },
    /** The connection breaks when the next request comes, which is lost. */
    cutRequest: () => {
      cut = 'request';
    },
    /** The connection breaks when the next answer comes, which is lost. */
    cutAnswer: () => {
      cut = 'answer';
    },
    /** The connection breaks when the next request comes, which is kept. */
    hold: () => {
      holding = true;
    },
    /** The kept request reaches etcd; resolves when etcd has answered it. */
    release: async () => {
      const late = held;
      if (!late) throw new Error('no request was held');
      held = undefined;
      const answered = new Promise<void>((resolve) => {
        late.to.on('data', (chunk: Buffer) => chunk.length > 60 && resolve());
      });
      late.to.write(late.chunk);
      await answered;
      late.to.destroy();
    },
    stop: async () => {
      close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test.run();
