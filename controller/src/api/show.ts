import type { ObjectType } from '@edgeplane/objects';
import { type EncodedMessage, encodedStream, frameOf, serverStream } from '@edgeplane/rpc';
import type { CachedAt, ObjectCache } from '@edgeplane/store';
import { referenceIndex } from '../caches.js';
import { type ShowQuery, showQuery } from './show-query.js';

/** Streams the objects that match, in order of their keys, from a snapshot (controller spec section 8.4). */
export function show<T, K>(type: ObjectType<T, K>, objects: () => Iterable<T>) {
  return serverStream<T, T>(async (request, send, { metadata, signal }) => {
    for (const object of matching(type, objects(), showQuery(type, request, metadata))) {
      if (signal.aborted) return;
      await send(object);
    }
  });
}

/** Objects that a query asks for, sorted by key JSON. */
export function matching<T, K>(
  type: ObjectType<T, K>,
  objects: Iterable<T>,
  { test, after, limit }: Pick<ShowQuery<T>, 'test' | 'after' | 'limit'>,
): T[] {
  return [...objects]
    .filter((object) => !test || test(object))
    .map((object) => ({ object, key: type.keyJsonOf(object) }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .slice(0, limit)
    .map(({ object }) => object);
}

/**
 * The same over a cache, where it costs what is shown, not what is stored: a whole key or a whole reference in the filter
 * is looked up, order is kept, and an object is encoded once for all who are shown it.
 */
export function showCache<T extends object, K>(type: ObjectType<T, K>, cache: ObjectCache<T>) {
  const encoded = new WeakMap<T, EncodedMessage<T>>();
  const encode = (message: T): EncodedMessage<T> => {
    let known = encoded.get(message);
    if (!known) {
      known = { message, frame: frameOf(type.toWire(message)) };
      encoded.set(message, known);
    }
    return known;
  };
  return encodedStream<T, T>(function* (request, { metadata }) {
    const { filter, test, after, limit } = showQuery(type, request, metadata);
    let left = limit;
    const found = test ? candidates(type, cache, filter) : cache.sorted();
    for (const { value } of after === undefined ? found : found.slice(countUpTo(found, after))) {
      const matches = !test || test(value);
      yield matches ? encode(value) : undefined;
      if (matches && --left <= 0) return;
    }
  });
}

/** How many of what is in order of keys do not come after a key. */
function countUpTo(sorted: readonly CachedAt<unknown>[], key: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.key ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The objects that may match a filter, in order of their keys: all that do are among them. */
export function candidates<T, K>(
  type: ObjectType<T, K>,
  cache: ObjectCache<T>,
  filter: T,
): readonly CachedAt<T>[] {
  const key = type.key(filter);
  if (type.isWholeKey(key)) {
    const object = cache.get(type.keyJson(key));
    return object ? [object] : [];
  }
  let fewest: CachedAt<T>[] | undefined;
  for (const referred of type.referencedTypes) {
    for (const reference of type.wholeReferences(filter, referred)) {
      const found = cache.byIndex(referenceIndex(referred), reference);
      if (!fewest || found.length < fewest.length) fewest = found;
    }
  }
  return fewest?.sort((a, b) => (a.key < b.key ? -1 : 1)) ?? cache.sorted();
}
