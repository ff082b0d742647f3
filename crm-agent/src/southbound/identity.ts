import { fail } from '@edgeplane/base';
import type { Caller, PeerIdentity, RpcContext } from '@edgeplane/rpc';
import { doorErrors } from './errors.js';
import { type TokenStyle, type Tokens, tokenRefusal } from './tokens.js';

/** Metadata in which a handler finds who calls; what a client puts there is overwritten. */
const CALLER = 'edgeplane-caller-bin';

/** What a listener asks of its callers. */
export interface IdentityRules {
  /** Clients must show a certificate; which CA, the handshake has seen to. */
  readonly certificate: boolean;
  /** One of them must be a name of the certificate; any will do when empty. */
  readonly allowedNames: readonly string[];
  readonly tokens: (() => Tokens) | undefined;
  readonly style: TokenStyle;
  /** Who calls when neither certificate nor token tells: the user of a Unix socket, or anybody. */
  readonly otherwise: string;
}

/** A caller as gRPC or HTTP shows it. */
export interface ShownIdentity {
  readonly certificate: PeerIdentity | undefined;
  /** The `authorization` header. */
  readonly authorization: string | undefined;
}

/**
 * Who calls, as a text that stays the same for the same caller: the SPIFFE id of its certificate, `cert:<SHA-256>`, `token`,
 * `uid:<number>` of a Unix socket's owner, or `anybody`.
 * @throws NO_CLIENT_CERTIFICATE, CLIENT_NOT_ALLOWED, or what the token style says
 */
export function identify(rules: IdentityRules, { certificate, authorization }: ShownIdentity): string {
  if (rules.certificate && !certificate) throw fail(doorErrors.NO_CLIENT_CERTIFICATE);
  if (certificate && rules.allowedNames.length > 0) {
    const names = namesOf(certificate);
    if (!rules.allowedNames.some((allowed) => names.includes(allowed)))
      throw fail(doorErrors.CLIENT_NOT_ALLOWED, { names: names.join(', ') || '(none)' });
  }
  if (rules.tokens) {
    const refusal = tokenRefusal(rules.style, rules.tokens(), authorization);
    if (refusal) throw refusal;
  }
  if (certificate)
    return namesOf(certificate).find((n) => n.startsWith('spiffe://')) ?? `cert:${certificate.fingerprint}`;
  return rules.tokens ? 'token' : rules.otherwise;
}

/** The names by which a certificate may be allowed: DNS names, URIs, and the common name. */
export function namesOf({ altNames, commonName }: PeerIdentity): string[] {
  const names = altNames.filter((n) => /^(DNS|URI):/.test(n)).map((n) => n.slice(n.indexOf(':') + 1));
  return commonName === '' ? names : [...names, commonName];
}

/** Identifies the caller of an RPC, and leaves the outcome for {@link callerOf}. @throws as {@link identify} */
export function admitRpc(rules: IdentityRules, { metadata, identity }: Caller): void {
  const [authorization] = metadata.get('authorization');
  const shown = typeof authorization === 'string' ? authorization : undefined;
  metadata.set(CALLER, Buffer.from(identify(rules, { certificate: identity, authorization: shown })));
  // Nothing behind this has any use for the token.
  metadata.remove('authorization');
}

/** Who makes a call of a door, as {@link identify} says; `anybody` where nobody asked. */
export function callerOf({ metadata }: Pick<RpcContext, 'metadata'>): string {
  const [caller] = metadata.get(CALLER);
  return Buffer.isBuffer(caller) ? caller.toString() : 'anybody';
}
