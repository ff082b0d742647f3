import { toEvent, toRevision } from './etcd-convert.js';
import type { Event, WatchResponse } from './gen/etcd.js';
import type { WatchBatch, WatchEvent } from './store.js';

/**
 * Makes batches of watch responses: pieces of a fragmented response are put together, a response with several revisions
 * is taken apart, what was delivered before is dropped.
 */
export class WatchBatcher {
  #delivered: number;
  #pieces: Event[] = [];

  constructor(after: number) {
    this.#delivered = after;
  }

  /** Everything up to this revision has been turned into batches. */
  get delivered(): number {
    return this.#delivered;
  }

  take(response: WatchResponse): WatchBatch[] {
    this.#pieces.push(...response.events);
    if (response.fragment) return [];
    const events = this.#pieces;
    this.#pieces = [];
    if (events.length === 0) return [this.#mark(response)];
    return this.#perRevision(events);
  }

  /**
   * A mark. Only two kinds of response say how far the watch itself has come: the one to its creation when it starts after
   * the newest revision, and the server's own progress notice. The answer to a progress request is no such promise: etcd
   * without the fix of its issue 15220 sends it past events that are still queued. It shows that the stream lives, no more.
   */
  #mark(response: WatchResponse): WatchBatch {
    const ownNotice = !response.created && response.watchId >= 0n;
    const revision = toRevision(response.header?.revision ?? 0n);
    if (ownNotice && revision > this.#delivered) this.#delivered = revision;
    return { revision: this.#delivered, events: [] };
  }

  #perRevision(events: readonly Event[]): WatchBatch[] {
    const byRevision = new Map<number, WatchEvent[]>();
    for (const event of events) {
      const revision = toRevision(event.kv?.modRevision ?? 0n);
      if (revision <= this.#delivered) continue;
      const batch = byRevision.get(revision);
      if (batch) batch.push(toEvent(event));
      else byRevision.set(revision, [toEvent(event)]);
    }
    const batches = [...byRevision].map(([revision, list]) => ({ revision, events: list }));
    batches.sort((a, b) => a.revision - b.revision);
    this.#delivered = batches.at(-1)?.revision ?? this.#delivered;
    return batches;
  }
}
