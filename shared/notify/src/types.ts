import type { ObjectType } from '@edgeplane/objects';
import type { Origin } from '@edgeplane/proto/edgeplane/notify.js';
import type { PeerIdentity } from '@edgeplane/rpc';

/** The other end of a session. */
export interface PeerInfo {
  /** On a server: connection id, 0, 1, 2, ... per server; goes into `notify_id` of what the peer sends. On a client: 0. */
  readonly id: bigint;
  /** On a server `ip:port` of the peer, on a client the address dialled. */
  readonly address: string;
  /** Full message names that the peer wants. */
  readonly wantObjs: readonly string[];
  /** Whether the peer wants only objects of the cloudlets that it reports. */
  readonly filterCloudletKey: boolean;
  /** Negotiated protocol version. */
  readonly version: number;
  /** Key JSON of each cloudlet that the peer has reported on this connection; grows and shrinks with it. */
  readonly cloudlets: ReadonlySet<string>;
  /** Objects that the peer did not take, by type and key JSON, with the reason (version 2). */
  readonly refusals?: ReadonlyMap<string, string>;
  /**
   * On a server: order of this session among all of the same agent, wherever they were; what a session with a greater one
   * reports is newer, whichever way it came.
   */
  readonly since?: number;
  /** The same as the agent itself numbers its sessions, if it does: servers can compare it with each other's. */
  readonly session?: number;
  /** On a server, of a relay (version 2): its name, and those of the nodes below it. */
  readonly relays?: readonly string[];
  /** By client certificate; undefined on a client and without TLS. */
  readonly identity?: PeerIdentity | undefined;
}

/**
 * Objects of one type that are sent to peers. An object is replaced when it changes, never altered in place: its
 * encoded form is kept for as long as the object itself lives and is shared by all sessions.
 */
export interface SendSource<T = unknown, K = unknown> {
  readonly type: ObjectType<T, K>;
  /** Key JSON of every object. */
  keys(): Iterable<string>;
  get(keyJson: string): T | undefined;
  /** Revision of an object; without it none is ever late (version 2). */
  revisionOf?(keyJson: string): number;
  /** The object as it came here, if it is passed on as it came. */
  wireOf?(keyJson: string): Uint8Array | undefined;
  /** Where an object that is passed on comes from, or who withdrew it (version 2). */
  originOf?(keyJson: string): Origin | undefined;
  /** Keys of objects that were withdrawn, which no peer has acknowledged yet: told at each connect (version 2). */
  withdrawn?(): Iterable<string>;
  /** A peer has acknowledged that there is no object under a key (version 2). */
  acknowledged?(keyJson: string): void;
  /** Up to which revision the source is; not lower than that of any object or deletion that it has told of. */
  revision?(): number;
  /** Calls back after each put or delete; returns the function that ends it. */
  subscribe(listener: (keyJson: string, previous?: T) => void): () => void;
}

/** An object as it came. */
export interface Received {
  readonly bytes: Uint8Array;
  /** Of the sender; 0 in version 1. */
  readonly revision: number;
}

/**
 * Takes objects of one type. Calls of one session are made one after another, each awaited; while a handler lags, the
 * session does not read on. A handler that fails is logged and the session goes on.
 */
export interface Receiver<T = unknown, K = unknown> {
  readonly type: ObjectType<T, K>;
  /** The object is the receiver's own. `keyJson` is its key's, for who would have to make it. `received` is given by sessions. */
  onUpdate(object: T, peer: PeerInfo, keyJson?: string, received?: Received): void | Promise<void>;
  /** `key` is all that a DELETE notice can be trusted for. */
  onDelete(key: K, keyJson: string, peer: PeerInfo): void | Promise<void>;
  /**
   * Clients only, once per session: the peer has sent everything it had. What is held and not in `validKeyJsons` is
   * gone. Not called when a notice of the type could not be decoded before: that object may well exist.
   */
  onSynced?(validKeyJsons: ReadonlySet<string>, peer: PeerInfo): void | Promise<void>;
  /** What is held of the type is exactly what the peer had at this revision of its own (version 2). */
  onInStep?(revision: number): void;
  /** The session is over; on a server, what to do with the peer's objects is up to the receiver. */
  onDisconnect?(peer: PeerInfo): void | Promise<void>;
}

/** Takes messages, which have no key and are not kept, such as ExecRequest and Metric. */
export interface MessageReceiver<M = unknown> {
  /** Short or full name: `Metric` or `edgeproto.Metric`. */
  readonly typeName: string;
  onMessage(message: M, peer: PeerInfo): void | Promise<void>;
  /** The session is over: what was asked of the peer will not be answered. */
  onDisconnect?(peer: PeerInfo): void | Promise<void>;
}

/** What keeps a peer apart from others, and where a node's revisions come from (version 2). */
export interface NodeTime {
  /** Revisions of different lineages say nothing of each other. */
  readonly lineage: string;
  /** Resolves when the sources have reached a revision, or have not in a few seconds, with how it stands then. */
  catchUp?(revision: number): Promise<CatchUp>;
  /** Revision that the store has now, read after the call; rejects when that cannot be known, or `signal` aborts. */
  storedRevision?(signal: AbortSignal): Promise<number>;
}

/**
 * Whether sources that are asked for a revision have reached it; never will, because what they are read from has gone back,
 * as after a restored backup; or are just behind.
 */
export type CatchUp = 'reached' | 'rewound' | 'behind';

/** Totals since the start of the server or client. */
export interface NotifyCounters {
  noticesSent: number;
  /** Bytes of notices. */
  bytesSent: number;
  bytesReceived: number;
  /** Objects and tombstones in frames of version 2. */
  changesSent: number;
  changesReceived: number;
  /** Changes that came after a later one of their key. */
  lateChanges: number;
  /** Changes that the other side did not take. */
  refusedChanges: number;
  /** Types whose digests differed, so that buckets were asked for. */
  repairs: number;
  noticesReceived: number;
  /** Notices of a known type whose body could not be decoded, or whose type URL has no `/`. */
  undecodable: number;
  /** Notices of types that nobody here takes. */
  unknownType: number;
  handlerFailures: number;
  messagesDropped: number;
  /** Servers: sessions refused because there were too many. */
  sessionsRefused: number;
  /** Objects not sent because they are larger than a notice may be, or cannot be encoded. */
  unsendable: number;
}

export function newCounters(): NotifyCounters {
  return {
    noticesSent: 0,
    bytesSent: 0,
    bytesReceived: 0,
    changesSent: 0,
    changesReceived: 0,
    lateChanges: 0,
    refusedChanges: 0,
    repairs: 0,
    noticesReceived: 0,
    undecodable: 0,
    unknownType: 0,
    handlerFailures: 0,
    messagesDropped: 0,
    sessionsRefused: 0,
    unsendable: 0,
  };
}
