import type { Session } from './session.js';
import type { PeerInfo } from './types.js';
import type { FrameSession } from './v2/frame-session.js';

/** What sessions of all versions have. */
export type AnySession = Pick<Session, 'waiting' | 'synced' | 'sendMessage' | 'close'>;

export interface Connection {
  readonly peer: PeerInfo;
  readonly session: AnySession | FrameSession;
  readonly wants: ReadonlySet<string>;
}

/** Sessions of one version in one state. */
export interface SessionCount {
  readonly version: number;
  readonly state: 'connected' | 'synced' | 'stale';
  readonly count: number;
}

/** The sessions of a server, in order of their begin. */
export class Connections {
  readonly #all = new Set<Connection>();

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.values();
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
  }

  delete(connection: Connection): void {
    this.#all.delete(connection);
  }

  peers(): PeerInfo[] {
    return Array.from(this.#all, ({ peer, session }) =>
      'refusals' in session ? { ...peer, refusals: session.refusals } : peer,
    );
  }

  /** Changed keys waiting per peer id. */
  waiting(): ReadonlyMap<bigint, number> {
    return new Map(Array.from(this.#all, ({ peer, session }) => [peer.id, session.waiting]));
  }

  /** By protocol version and by how far they are; `stale` are those of which only reports are left. */
  counts(stale: number): SessionCount[] {
    const all = [...this.#all];
    const count = (version: number, synced: boolean) =>
      all.filter(({ peer, session }) => peer.version === version && session.synced === synced).length;
    return [
      ...[1, 2].flatMap((version): SessionCount[] => [
        { version, state: 'connected', count: count(version, false) },
        { version, state: 'synced', count: count(version, true) },
      ]),
      { version: 2, state: 'stale', count: stale },
    ];
  }
}
