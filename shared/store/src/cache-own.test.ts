/** Caches of a store that tells its own commits, while its watch is late. */
import { type Deferred, deferred } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CacheSync } from './cache.js';
import { del, put } from './conformance-subject.js';
import { type CommitListener, MemoryStore, type Op, pagesOf, type Store, type WatchBatch } from './index.js';

/** A memory store with a watch that delivers nothing until it is let go, one batch at a time. */
class LateStore implements Store {
  readonly kind = 'memory';
  readonly inner = new MemoryStore();
  readonly #listeners = new Set<CommitListener>();
  #gate: Deferred<void> = deferred();
  /** Cuts the watch off. */
  cut: Deferred<void> = deferred();
  /** Listings wait for it. */
  listing: Promise<void> = Promise.resolve();

  /** Lets one batch through, after which the watch waits again. */
  release(): void {
    this.#gate.resolve();
    this.#gate = deferred();
  }

  get(key: string) {
    return this.inner.get(key);
  }

  async list(prefix: string) {
    const listed = await this.inner.list(prefix);
    await this.listing;
    return listed;
  }

  async *listPages(prefix: string) {
    yield* pagesOf(await this.list(prefix));
  }

  async txn({ ops }: { readonly ops: readonly Op[] }) {
    const result = await this.inner.txn({ ops });
    for (const listener of this.#listeners) listener(result.revision, ops);
    return result;
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void> {
    const end = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    for await (const batch of this.inner.watch(prefix, after, signal)) {
      if (batch.events.length > 0) await Promise.race([this.#gate.promise, this.cut.promise, end]);
      if (signal.aborted) return;
      yield batch;
    }
  }

  lease(ttlSeconds: number) {
    return this.inner.lease(ttlSeconds);
  }

  onCommit(listener: CommitListener) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close() {
    return this.inner.close();
  }
}

async function caching() {
  const store = new LateStore();
  const sync = new CacheSync(store, 'r');
  const texts = sync.register<string>({ name: 'Text', prefix: 'Text/', decode: ({ value }) => value });
  const told: string[] = [];
  texts.subscribe(({ key, value, revision }) => told.push(`${revision} ${key}=${value ?? 'gone'}`));
  await sync.start();
  const stop = async () => {
    await sync.stop();
    await store.close();
  };
  return { store, sync, texts, told, stop };
}

/** Lets everything that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('an own write is in the caches when its transaction returns, and is told once', async () => {
  const { store, sync, texts, told, stop } = await caching();
  const { revision } = await store.txn({ ops: [put('r/Text/a', '1'), put('r/Text/b', '1'), put('x', '')] });
  assert.is(sync.revision, revision);
  assert.equal(texts.get('a'), { key: 'a', value: '1', revision });
  await sync.reached(revision);
  store.release();
  await settle();
  assert.equal(told, [`${revision} a=1`, `${revision} b=1`]);
  await store.txn({ ops: [put('r/Text/c', ''), del('r/Text/a'), del('r/Text/never')] });
  assert.equal(told.slice(2), [`${revision + 1} c=`, `${revision + 1} a=gone`]);
  await stop();
});

test('an own write waits for what others wrote before it', async () => {
  const { store, sync, texts, told, stop } = await caching();
  const { revision } = await store.inner.txn({ ops: [put('r/Text/a', 'theirs')] });
  await store.txn({ ops: [put('r/Text/a', 'mine')] });
  await store.txn({ ops: [put('r/Text/b', 'mine')] });
  await settle();
  assert.is(texts.size, 0);
  assert.is(sync.revision, revision - 1);
  store.release();
  await sync.reached(revision + 2);
  assert.equal(told, [`${revision} a=theirs`, `${revision + 1} a=mine`, `${revision + 2} b=mine`]);
  await stop();
});

test('a listing that was under way during an own write does not take it back', async () => {
  const { store, sync, texts, told, stop } = await caching();
  await store.txn({ ops: [put('r/Text/a', 'old')] });
  const listing = deferred<void>();
  store.listing = listing.promise;
  store.cut.reject(new Error('cut'));
  await settle();
  await store.txn({ ops: [put('r/Text/a', 'new')] });
  listing.resolve();
  await settle();
  assert.is(texts.get('a')?.value, 'new');
  assert.equal(
    told.map((line) => line.split(' ')[1]),
    ['a=old', 'a=new'],
  );
  assert.is(sync.revision, 3);
  await stop();
});

test('what is known of a key: its revision, 0 when absent, nothing without a cache', async () => {
  const { store, sync, stop } = await caching();
  const { revision } = await store.txn({ ops: [put('r/Text/a', '1'), put('r/Other/a', '1')] });
  assert.equal(sync.known('r/Text/a'), { key: 'a', revision, value: '1' });
  assert.equal(sync.known('r/Text/b'), { revision: 0 });
  assert.is(sync.known('r/Other/a'), undefined);
  assert.is(sync.known('s/Text/a'), undefined);
  await stop();
});

test.run();
