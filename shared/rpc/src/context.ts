import type { PeerCertificate } from 'node:tls';
import { Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { parseAltNames } from './alt-names.js';

/** Who is on the other end, by the certificate that was verified during the handshake. */
export interface PeerIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** As in the certificate, such as `DNS:agent-1`, `URI:spiffe://site/agent` or `IP Address:127.0.0.1`. */
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
  /** When the client gives up, milliseconds since the epoch; Infinity when it did not say. */
  readonly deadline: number;
  /** Address of the client, `ip:port`; behind a gateway of ours, of the gateway's client. */
  readonly peer: string;
  readonly metadata: Metadata;
  /** Full method path, such as `/edgeproto.AppApi/CreateApp`. */
  readonly path: string;
  /** Identity by client certificate; undefined without TLS. */
  readonly identity: PeerIdentity | undefined;
  /** Sends a header ahead of the answer; once for each call, before the first message. */
  sendHeader(name: string, value: string): void;
}

/** The parts of a grpc-js server call that every kind of call has. */
export interface AnyServerCall
  extends Pick<
    ServerUnaryCall<unknown, unknown>,
    'cancelled' | 'metadata' | 'getPeer' | 'getPath' | 'getAuthContext' | 'getDeadline' | 'sendMetadata'
  > {
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Reads the verified client certificate of a call. */
export function peerIdentity(call: Pick<AnyServerCall, 'getAuthContext'>): PeerIdentity | undefined {
  return certificateIdentity(call.getAuthContext().sslPeerCertificate);
}

/** The names in a verified certificate, as Node shows it; undefined without one. */
export function certificateIdentity(certificate: PeerCertificate | undefined): PeerIdentity | undefined {
  if (!certificate?.subject) return undefined;
  return {
    commonName: [certificate.subject.CN ?? ''].flat().join(','),
    organizations: [certificate.subject.O ?? []].flat(),
    altNames: parseAltNames(certificate.subjectaltname ?? ''),
    fingerprint: certificate.fingerprint256,
  };
}

const GONE = 'the client is gone';

/** Metadata by which a gateway in the same process shows its token, and names the client it speaks for. */
export const GATEWAY_TOKEN = 'edgeplane-gateway-token';
export const FORWARDED_FOR = 'x-forwarded-for';

/** Who made a call, for people: the name in the certificate, else its first other name. */
export function userOf(identity: PeerIdentity | undefined): string {
  if (!identity) return 'notyet';
  return identity.commonName || identity.altNames[0] || identity.fingerprint;
}

/** Whether the client still waits. */
export interface Ending {
  readonly gone: boolean;
  /** Calls back once, when the client is gone or has read its answer. */
  onGone(fn: () => void): void;
}

/**
 * The context of a call. Its abort controller is made, and its end is listened for, when somebody asks for the signal, which
 * most unary handlers never do. (AbortSignal.any over one server-wide signal would keep a trace of every call ever made.)
 */
export class CallContext implements RpcContext, Ending {
  readonly #call: AnyServerCall;
  readonly #gatewayToken: string | undefined;
  #controller: AbortController | undefined;
  #reason: string | undefined;

  constructor(call: AnyServerCall, gatewayToken?: string) {
    this.#call = call;
    this.#gatewayToken = gatewayToken;
  }

  get gone(): boolean {
    return this.#call.cancelled;
  }

  onGone(fn: () => void): void {
    // grpc-js says this at the end of every call, also of those that went well.
    this.#call.on('cancelled', fn);
  }

  /** Aborts the signal, now or when it is made. */
  abort(reason: string): void {
    this.#reason ??= reason;
    this.#controller?.abort(new Error(this.#reason));
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.gone) this.#reason ??= GONE;
      if (this.#reason !== undefined) this.#controller.abort(new Error(this.#reason));
      else this.onGone(() => this.abort(GONE));
    }
    return this.#controller.signal;
  }

  get deadline(): number {
    return Number(this.#call.getDeadline());
  }

  get peer(): string {
    const [client] = this.#call.metadata.get(FORWARDED_FOR);
    return this.#isGateway && typeof client === 'string' ? client : this.#call.getPeer();
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  get path(): string {
    return this.#call.getPath();
  }

  get identity(): PeerIdentity | undefined {
    // A gateway's certificate is not its caller's.
    return this.#isGateway ? undefined : peerIdentity(this.#call);
  }

  sendHeader(name: string, value: string): void {
    const header = new Metadata();
    header.set(name, value);
    this.#call.sendMetadata(header);
  }

  get #isGateway(): boolean {
    const [token] = this.#call.metadata.get(GATEWAY_TOKEN);
    return this.#gatewayToken !== undefined && token === this.#gatewayToken;
  }
}
