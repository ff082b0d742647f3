import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';

/** Who is on the other end, by the certificate that was verified during the handshake. */
export interface PeerIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** As in the certificate, such as `DNS:agent-1` or `IP Address:127.0.0.1`. */
  readonly altNames: readonly string[];
  /** SHA-256, colon-separated upper-case hex. */
  readonly fingerprint: string;
}

/** What a handler may know of its call. */
export interface RpcContext {
  /**
   * Aborted when the client cancels, disconnects or lets its deadline pass, and when the server stops by force.
   * Work that must be finished regardless (controller spec section 8.8) simply does not look at it.
   */
  readonly signal: AbortSignal;
  /** Address of the client, `ip:port`. */
  readonly peer: string;
  readonly metadata: Metadata;
  /** Full method path, such as `/edgeproto.AppApi/CreateApp`. */
  readonly path: string;
  /** Identity by client certificate; undefined without TLS. */
  readonly identity: PeerIdentity | undefined;
}

/** The parts of a grpc-js server call that every kind of call has. */
export interface AnyServerCall
  extends Pick<
    ServerUnaryCall<unknown, unknown>,
    'cancelled' | 'metadata' | 'getPeer' | 'getPath' | 'getAuthContext'
  > {
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Reads the verified client certificate of a call. */
export function peerIdentity(call: Pick<AnyServerCall, 'getAuthContext'>): PeerIdentity | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (!certificate?.subject) return undefined;
  return {
    commonName: [certificate.subject.CN].flat().join(','),
    organizations: [certificate.subject.O ?? []].flat(),
    altNames: certificate.subjectaltname?.split(', ') ?? [],
    fingerprint: certificate.fingerprint256,
  };
}

/**
 * The context of a call. Its abort controller joins `active` until `release`, so that a server can abort all calls in
 * progress. (AbortSignal.any over one server-wide signal would keep a trace of every call ever made.)
 */
export function callContext(
  call: AnyServerCall,
  active: Set<AbortController>,
): { readonly context: RpcContext; release(): void } {
  const abort = new AbortController();
  active.add(abort);
  if (call.cancelled) abort.abort(new Error('the client is gone'));
  else call.on('cancelled', () => abort.abort(new Error('the client is gone')));
  return {
    context: {
      signal: abort.signal,
      peer: call.getPeer(),
      metadata: call.metadata,
      path: call.getPath(),
      identity: peerIdentity(call),
    },
    release: () => void active.delete(abort),
  };
}
