import type { Duplex } from 'node:stream';
import type { Clock } from '@edgeplane/base';
import type { PeerIdentity } from '@edgeplane/rpc';

/** The client's end of one stream of notices, each an encoded Buffer. */
export interface NotifyCall {
  /** Messages in both directions; an 'error' event is the reason for which the call failed. */
  readonly stream: Duplex;
  /** Ends our side, and resolves when the server has ended its own or `graceMs` have passed. */
  farewell(clock: Clock, graceMs: number): Promise<void>;
  /** Breaks off what is left of it. */
  close(): void;
}

/** Begins a call to a server at `host:port`; failures come as errors of its stream. */
export type NotifyDialer = (address: string) => NotifyCall;

/** What a server knows of a caller besides what it says. */
export interface NotifyCaller {
  readonly peer: string;
  readonly identity: PeerIdentity | undefined;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
}
