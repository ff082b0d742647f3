import type { ObjectType } from '@edgeplane/objects';
import type { PeerInfo, Receiver, SendSource } from './types.js';

type Listener<T> = (keyJson: string, previous?: T) => void;

/**
 * Objects of one type in memory, by key JSON. As a SendSource it is what an agent reports; as a Receiver it mirrors a
 * peer: it keeps its objects while disconnected and, once the peer has sent all it has, drops what was not among it.
 * Objects are copied when put and must not be altered afterwards. Listeners run at once and must not throw.
 */
export class ObjectTable<T, K> implements SendSource<T, K>, Receiver<T, K> {
  readonly type: ObjectType<T, K>;
  readonly #objects = new Map<string, T>();
  readonly #revisions = new Map<string, number>();
  readonly #listeners = new Set<Listener<T>>();
  #revision = 0;

  constructor(type: ObjectType<T, K>) {
    this.type = type;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Adds or replaces. Listeners hear of it even when nothing differs: a peer that repeats itself means it. */
  put(object: T): void {
    const copy = this.type.normalize(object);
    this.#put(this.type.keyJsonOf(copy), copy);
  }

  #put(keyJson: string, object: T): void {
    const previous = this.#objects.get(keyJson);
    this.#objects.set(keyJson, object);
    this.#revision += 1;
    this.#revisions.set(keyJson, this.#revision);
    this.#tell(keyJson, previous);
  }

  /** Removes by key; false when there was nothing. */
  delete(key: K): boolean {
    return this.deleteKeyJson(this.type.keyJson(key));
  }

  deleteKeyJson(keyJson: string): boolean {
    const previous = this.#objects.get(keyJson);
    if (previous === undefined) return false;
    this.#objects.delete(keyJson);
    this.#revision += 1;
    this.#revisions.delete(keyJson);
    this.#tell(keyJson, previous);
    return true;
  }

  get(keyJson: string): T | undefined {
    return this.#objects.get(keyJson);
  }

  /** Puts and deletes are counted; of an object the number of its last put. */
  revisionOf(keyJson: string): number {
    return this.#revisions.get(keyJson) ?? 0;
  }

  revision(): number {
    return this.#revision;
  }

  /** The same by key. */
  find(key: K): T | undefined {
    return this.#objects.get(this.type.keyJson(key));
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  entries(): IterableIterator<[string, T]> {
    return this.#objects.entries();
  }

  subscribe(listener: Listener<T>): () => void {
    // Wrapped, so that the same function subscribed twice is two subscriptions.
    const own: Listener<T> = (keyJson, previous) => listener(keyJson, previous);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** With its `keyJson` the object is taken over as it is, and is the table's from then on. */
  onUpdate(object: T, _peer?: PeerInfo, keyJson?: string): void {
    if (keyJson === undefined) this.put(object);
    else this.#put(keyJson, object);
  }

  onDelete(_key: K, keyJson: string): void {
    this.deleteKeyJson(keyJson);
  }

  onSynced(validKeyJsons: ReadonlySet<string>): void {
    for (const keyJson of [...this.#objects.keys()]) {
      if (!validKeyJsons.has(keyJson)) this.deleteKeyJson(keyJson);
    }
  }

  #tell(keyJson: string, previous: T | undefined): void {
    for (const listener of [...this.#listeners]) listener(keyJson, previous);
  }
}
