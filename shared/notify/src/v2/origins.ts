import type { Origin } from '@edgeplane/proto/edgeplane/notify.js';
import type { PeerInfo } from '../types.js';
import type { Held } from './held.js';
import { revisionNumber } from './revision.js';

/** What is known here of one agent that a peer speaks for. */
export interface KnownOrigin {
  /** Stands for the agent, as if it were connected here. */
  readonly peer: PeerInfo;
  /** Keys that it reported, by full name of their type. */
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Entry extends KnownOrigin {
  readonly peer: PeerInfo & { readonly cloudlets: Set<string> };
  readonly keys: Map<string, Set<string>>;
}

/**
 * The agents that a peer speaks for, by the numbers that it gives them. Each is a peer of its own to receivers, so that
 * what becomes of its reports does not depend on the way they came. Kept as long as what the peer reported is.
 */
export class Origins {
  readonly #nextId: () => bigint;
  readonly #known = new Map<number, Entry>();

  constructor(nextId: () => bigint) {
    this.#nextId = nextId;
  }

  get size(): number {
    return this.#known.size;
  }

  get numbers(): Iterable<number> {
    return this.#known.keys();
  }

  /** The peer that stands for an origin, from the first time that it is spoken of. `via` is who speaks for it. */
  peerOf({ number, since }: Origin, via: PeerInfo): Entry['peer'] {
    const known = this.#known.get(number);
    if (known) return known.peer;
    const peer = {
      ...via,
      id: this.#nextId(),
      address: `${via.address} for ${number}`,
      cloudlets: new Set<string>(),
      since: revisionNumber(since),
      session: revisionNumber(since),
    };
    this.#known.set(number, { peer, keys: new Map() });
    return peer;
  }

  /** Who has withdrawn an object: the origin that says so, else the one that it was of; also one that is gone by now. */
  standIn(held: number, withdrawn: Origin | undefined, via: PeerInfo): PeerInfo {
    const known = this.#known.get(withdrawn?.number ?? held);
    if (known || !withdrawn) return known?.peer ?? via;
    const since = revisionNumber(withdrawn.since);
    return { ...via, id: -1n, cloudlets: new Set(), since, session: since };
  }

  /** Notes whose an object was and whose it is now; 0 is nobody's here. */
  moved(type: string, keyJson: string, was: number, is: number): void {
    if (was === is) return;
    this.#known.get(was)?.keys.get(type)?.delete(keyJson);
    const keys = this.#known.get(is)?.keys;
    const ofType = keys?.get(type);
    if (ofType) ofType.add(keyJson);
    else keys?.set(type, new Set([keyJson]));
  }

  /** Forgets all but those that live still. */
  lost(alive: readonly number[], held: Held): KnownOrigin[] {
    const living = new Set(alive);
    const gone = [...this.#known.keys()].filter((number) => !living.has(number));
    return gone.flatMap((number) => this.take(number, held) ?? []);
  }

  /** Forgets an origin, and that anything of it is held; what was known of it. */
  take(number: number, held: Held): KnownOrigin | undefined {
    const known = this.#known.get(number);
    this.#known.delete(number);
    for (const [type, keys] of known?.keys ?? []) for (const key of keys) held.of(type).delete(key);
    return known;
  }
}
