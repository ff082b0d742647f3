import type { Logger } from '@edgeplane/base';
import type { Hello } from '@edgeplane/proto/edgeplane/notify.js';
import type { PeerInfo } from './types.js';

/** Cloudlets, as key JSON, and types that are wanted whole, by full name. */
export interface Wanted {
  readonly cloudlets: readonly string[];
  readonly whole: readonly string[];
}

/** What a server of a relay asks of, and tells, the client of the same node that is connected further up. */
export interface Upstream {
  /** Names of the nodes above, nearest first. */
  above(): readonly string[];
  /**
   * Before a session begins: resolves when there is something to serve, rejects with the reason when there is not. A client
   * of version 2 tells its name and those of the nodes below it.
   */
  admit(caller: { readonly node: string; readonly below: readonly string[] } | undefined): Promise<void>;
  /**
   * A peer that begins a session wants this and nothing else, until its receivers' `onDisconnect`. Resolves when all of it
   * is here; rejects when `signal` aborts before.
   */
  wantOnly(peer: PeerInfo, wanted: Wanted, signal: AbortSignal): Promise<void>;
  /** A peer wants this too. Resolves as above; with nothing, when what is here is as new as what is above. */
  want(peer: PeerInfo, wanted: Wanted, signal: AbortSignal): Promise<void>;
  unwant(peer: PeerInfo, wanted: Wanted): void;
}

/** What a client of a relay asks of the server of the same node. */
export interface Downstream {
  /** Name of this node; the same as its server's. */
  readonly node: string;
  /** Names of the nodes below. */
  below(): readonly string[];
  /** What is wanted of the server now, and the number of this state. */
  wanted(): Wanted & { readonly number: number };
  /** Calls back when that changes; with nothing in it: what is here is to be brought up to date. */
  onWanted(listener: (add: Wanted, remove: Wanted, number: number) => void): () => void;
  /** Origins of the reports in the sources. */
  origins(): Iterable<number>;
  /** Calls back when one is gone, at the same moment as its reports. */
  onGone(listener: (number: number) => void): () => void;
  /** Calls back when those above are to be asked how far their store is. */
  onAsksStore(listener: (question: number) => void): () => void;
  /** The answer. */
  storeIs(question: number, revision: number): void;
  /** A session with a server begins. Throws when it must not. */
  opened(hello: Hello, logger: Logger): void;
  /** Everything of the state with this number is here. */
  inStep(number: number): void;
}

/** How long a session of a relay waits for what it wants to come from above, milliseconds; less than a handshake may take. */
export const HOLD_BACK_MS = 8000;

export const NOTHING_WANTED: Wanted = { cloudlets: [], whole: [] };
