import { type Deferred, deferred } from '@edgeplane/base';
import type { SendSource } from '@edgeplane/notify';

/**
 * A source that knows what of it was sent. A session asks its source for an object at the moment it sends the notice, so
 * being asked for a changed key is its being handed to the stream.
 */
export class SentWatch<T, K> implements SendSource<T, K> {
  readonly #source: SendSource<T, K>;
  readonly #unsent = new Set<string>();
  readonly #waiting = new Map<string, Deferred<void>>();
  readonly #unsubscribe: () => void;
  readonly #connected: () => boolean;

  /** `connected`: whether there is a session that sends. */
  constructor(source: SendSource<T, K>, connected: () => boolean) {
    this.#source = source;
    this.#connected = connected;
    this.#unsubscribe = source.subscribe((keyJson) => this.#unsent.add(keyJson));
  }

  get type(): SendSource<T, K>['type'] {
    return this.#source.type;
  }

  keys(): Iterable<string> {
    return this.#source.keys();
  }

  get(keyJson: string): T | undefined {
    const object = this.#source.get(keyJson);
    this.#unsent.delete(keyJson);
    this.#resolve(keyJson);
    return object;
  }

  subscribe(listener: (keyJson: string, previous?: T) => void): () => void {
    return this.#source.subscribe(listener);
  }

  /** Resolves when the last change of the key was handed to a stream, or there is none, or it ends. */
  flushed(keyJson: string): Promise<void> {
    if (!this.#unsent.has(keyJson) || !this.#connected()) return Promise.resolve();
    const waiting = this.#waiting.get(keyJson) ?? deferred<void>();
    this.#waiting.set(keyJson, waiting);
    return waiting.promise;
  }

  /** The session is over: nothing more is sent soon. */
  disconnected(): void {
    for (const keyJson of [...this.#waiting.keys()]) this.#resolve(keyJson);
  }

  stop(): void {
    this.#unsubscribe();
    this.disconnected();
  }

  #resolve(keyJson: string): void {
    this.#waiting.get(keyJson)?.resolve();
    this.#waiting.delete(keyJson);
  }
}
