import type { MemoryStore, WatchEvent } from '@edgeplane/store';
import type { Trace } from './trace.js';

/** What a key was from a revision on; without a value it was absent. */
interface Version {
  readonly revision: number;
  readonly value: string | undefined;
}

export type WriteListener = (key: string, value: string | undefined, revision: number) => void;

/** Everything that the store ever held, as it was written. */
export class History {
  readonly #versions = new Map<string, Version[]>();
  readonly #listeners = new Set<WriteListener>();
  readonly #trace: Trace;
  readonly #end = new AbortController();
  #following: Promise<void> | undefined;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Follows a store from its beginning. */
  follow(store: MemoryStore): void {
    this.#following = (async () => {
      for await (const batch of store.watch('', 1, this.#end.signal))
        for (const event of batch.events) this.#take(event, batch.revision);
    })();
  }

  onWrite(listener: WriteListener): void {
    this.#listeners.add(listener);
  }

  /** What a key has been, oldest first; absent before the first. */
  versions(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#following;
  }

  #take(event: WatchEvent, revision: number): void {
    const key = event.type === 'put' ? event.entry.key : event.key;
    const value = event.type === 'put' ? event.entry.value : undefined;
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    versions.push({ revision, value });
    this.#trace.add(`  store ${revision} ${key} ${value ?? 'deleted'}`);
    for (const listener of this.#listeners) listener(key, value, revision);
  }
}
