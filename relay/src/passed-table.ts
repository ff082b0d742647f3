import type { PeerInfo, Received, Receiver, SendSource } from '@edgeplane/notify';
import type { ObjectType } from '@edgeplane/objects';

interface Passed<T> {
  readonly object: T;
  /** As it came from above; it goes on like this. */
  readonly bytes: Uint8Array;
  readonly revision: number;
}

type Listener<T> = (keyJson: string, previous?: T) => void;

/**
 * Objects of one type on their way down: what the node above has sent, with its bytes and its revisions. They stay while
 * there is no link.
 */
export class PassedTable<T, K> implements SendSource<T, K>, Receiver<T, K> {
  readonly type: ObjectType<T, K>;
  readonly #objects = new Map<string, Passed<T>>();
  readonly #listeners = new Set<Listener<T>>();
  #revision = 0;

  constructor(type: ObjectType<T, K>) {
    this.type = type;
  }

  get size(): number {
    return this.#objects.size;
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  get(keyJson: string): T | undefined {
    return this.#objects.get(keyJson)?.object;
  }

  wireOf(keyJson: string): Uint8Array | undefined {
    return this.#objects.get(keyJson)?.bytes;
  }

  revisionOf(keyJson: string): number {
    return this.#objects.get(keyJson)?.revision ?? 0;
  }

  /** Up to which revision of the node above everything is here. */
  revision(): number {
    return this.#revision;
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  onUpdate(object: T, _peer: PeerInfo, known?: string, received?: Received): void {
    const keyJson = known ?? this.type.keyJsonOf(object);
    // Copied, as they may be a part of something far larger.
    const bytes = Buffer.from(received?.bytes ?? this.type.toWire(object));
    this.#put(keyJson, { object, bytes, revision: received?.revision ?? 0 });
  }

  onDelete(_key: K, keyJson: string): void {
    this.#delete(keyJson);
  }

  onSynced(valid: ReadonlySet<string>): void {
    for (const keyJson of [...this.#objects.keys()]) if (!valid.has(keyJson)) this.#delete(keyJson);
  }

  onInStep(revision: number): void {
    this.#revision = revision;
  }

  /** The revisions that are known say nothing any more. */
  rewind(): void {
    this.#revision = 0;
    for (const [keyJson, { object, bytes }] of [...this.#objects])
      this.#put(keyJson, { object: { ...object }, bytes, revision: 0 });
  }

  #delete(keyJson: string): void {
    const previous = this.#objects.get(keyJson)?.object;
    if (this.#objects.delete(keyJson)) this.#tell(keyJson, previous);
  }

  #put(keyJson: string, passed: Passed<T>): void {
    const previous = this.#objects.get(keyJson)?.object;
    this.#objects.set(keyJson, passed);
    this.#tell(keyJson, previous);
  }

  #tell(keyJson: string, previous: T | undefined): void {
    for (const listener of [...this.#listeners]) listener(keyJson, previous);
  }
}
