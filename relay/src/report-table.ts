import type { PeerInfo, Received, SendSource } from '@edgeplane/notify';
import type { ObjectType } from '@edgeplane/objects';
import type { Origin } from '@edgeplane/proto/edgeplane/notify.js';

interface Report<T> {
  readonly object: T;
  /** As its agent sent it; undefined when it is to be encoded here, as this relay's own. */
  readonly bytes: Uint8Array | undefined;
  readonly origin: Origin | undefined;
  readonly revision: number;
}

type Listener<T> = (keyJson: string, previous?: T) => void;

/** Withdrawals that wait for their ack; beyond that the oldest are forgotten. */
const MOST_WITHDRAWN = 10_000;

/** Reports of one type on their way up: each with its origin, which is the session that it came from. */
export class ReportTable<T, K> implements SendSource<T, K> {
  readonly type: ObjectType<T, K>;
  readonly #reports = new Map<string, Report<T>>();
  /** What was withdrawn, and not acknowledged yet. */
  readonly #withdrawn = new Map<string, Origin>();
  readonly #byOrigin = new Map<number, Set<string>>();
  readonly #listeners = new Set<Listener<T>>();
  #revision = 0;

  constructor(type: ObjectType<T, K>) {
    this.type = type;
  }

  keys(): IterableIterator<string> {
    return this.#reports.keys();
  }

  get(keyJson: string): T | undefined {
    return this.#reports.get(keyJson)?.object;
  }

  wireOf(keyJson: string): Uint8Array | undefined {
    return this.#reports.get(keyJson)?.bytes;
  }

  originOf(keyJson: string): Origin | undefined {
    const report = this.#reports.get(keyJson);
    return report ? report.origin : this.#withdrawn.get(keyJson);
  }

  withdrawn(): Iterable<string> {
    return this.#withdrawn.keys();
  }

  acknowledged(keyJson: string): void {
    this.#withdrawn.delete(keyJson);
  }

  revisionOf(keyJson: string): number {
    return this.#reports.get(keyJson)?.revision ?? 0;
  }

  revision(): number {
    return this.#revision;
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** This relay's own. */
  putOwn(object: T): void {
    this.#put(this.type.keyJsonOf(object), object, undefined, undefined);
  }

  put(object: T, peer: PeerInfo, known?: string, received?: Received): void {
    const keyJson = known ?? this.type.keyJsonOf(object);
    const origin = originOf(peer);
    if (this.#isOlder(keyJson, origin)) return;
    this.#withdrawn.delete(keyJson);
    // Copied, as they may be a part of something far larger.
    const bytes = received && Buffer.from(received.bytes);
    this.#put(keyJson, object, bytes, origin);
  }

  /** Its agent says that there is no such object, which goes up even if the object itself has not. */
  withdraw(keyJson: string, peer: PeerInfo): void {
    const origin = originOf(peer);
    if (this.#isOlder(keyJson, origin)) return;
    this.#withdrawn.set(keyJson, origin);
    for (const [oldest] of this.#withdrawn) {
      if (this.#withdrawn.size <= MOST_WITHDRAWN) break;
      this.#withdrawn.delete(oldest);
    }
    this.#remove(keyJson);
  }

  /** Forgets all reports of a session. */
  drop(number: number): void {
    for (const keyJson of [...(this.#byOrigin.get(number) ?? [])]) this.#remove(keyJson);
  }

  hasOf(number: number): boolean {
    return this.#byOrigin.has(number);
  }

  origins(): Iterable<number> {
    return this.#byOrigin.keys();
  }

  /** What a session reports that its agent has left for another says nothing any more. */
  #isOlder(keyJson: string, { number, since }: Origin): boolean {
    const known = this.#reports.get(keyJson)?.origin;
    return known !== undefined && known.number !== number && known.since > since;
  }

  #put(keyJson: string, object: T, bytes: Uint8Array | undefined, origin: Origin | undefined): void {
    const previous = this.#reports.get(keyJson);
    this.#moved(keyJson, previous?.origin, origin);
    this.#revision += 1;
    this.#reports.set(keyJson, { object, bytes, origin, revision: this.#revision });
    this.#tell(keyJson, previous?.object);
  }

  #remove(keyJson: string): void {
    const previous = this.#reports.get(keyJson);
    this.#moved(keyJson, previous?.origin, undefined);
    this.#revision += 1;
    this.#reports.delete(keyJson);
    this.#tell(keyJson, previous?.object);
  }

  #moved(keyJson: string, was: Origin | undefined, is: Origin | undefined): void {
    const before = was && this.#byOrigin.get(was.number);
    before?.delete(keyJson);
    if (was && before?.size === 0) this.#byOrigin.delete(was.number);
    if (!is) return;
    const after = this.#byOrigin.get(is.number);
    if (after) after.add(keyJson);
    else this.#byOrigin.set(is.number, new Set([keyJson]));
  }

  #tell(keyJson: string, previous: T | undefined): void {
    for (const listener of [...this.#listeners]) listener(keyJson, previous);
  }
}

/** Number of the origin that a session is to the node above. */
export function originNumber(peer: PeerInfo): number {
  return Number(peer.id) + 1;
}

function originOf(peer: PeerInfo): Origin {
  return { number: originNumber(peer), since: BigInt(peer.since ?? 0) };
}
