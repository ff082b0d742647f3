import { createPublicKey, type KeyObject } from 'node:crypto';
import { fail } from '@edgeplane/base';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { compactVerify, decodeProtectedHeader } from 'jose';
import { dmeErrors } from './errors.js';
import { parseClaims, timeFault } from './token-claims.js';

/** Signatures that a developer's RSA key can make. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

/**
 * Checks the token with which an App's client proves that the developer let it in (match engine spec section 3.5).
 * An App without a public key needs none, and must not be sent one.
 * @param now Unix seconds.
 * @throws EdgeplaneError NO_AUTH_TOKEN, NO_AUTH_KEY or BAD_AUTH_TOKEN.
 */
export async function checkAuthToken(
  app: AppKey,
  publicKey: string,
  token: string,
  now: number,
): Promise<void> {
  if (token === '') {
    if (publicKey !== '') throw fail(dmeErrors.NO_AUTH_TOKEN);
    return;
  }
  if (publicKey === '') throw fail(dmeErrors.NO_AUTH_KEY);
  const reason = await tokenFault(app, publicKey, token, now);
  if (reason !== undefined) throw fail(dmeErrors.BAD_AUTH_TOKEN, { reason });
}

async function tokenFault(
  app: AppKey,
  publicKey: string,
  token: string,
  now: number,
): Promise<string | undefined> {
  const key = rsaKey(publicKey);
  if (!key) return 'unable to parse JWT token';
  if (token.split('.').length !== 3) return 'token contains an invalid number of segments';
  const alg = algorithmOf(token);
  if (!ALGORITHMS.includes(alg)) return `signing method ${alg} is invalid`;
  const payload = await compactVerify(token, key, { algorithms: ALGORITHMS }).then(
    (verified) => verified.payload,
    () => undefined,
  );
  if (!payload) return 'signature is invalid';
  const claims = parseClaims(payload);
  if (!claims) return 'token is malformed';
  const late = timeFault(claims, now);
  if (late !== undefined) return late;
  if ((claims['devname'] ?? '') !== (app.developerKey?.name ?? '')) return 'token developer mismatch';
  if ((claims['appname'] ?? '') !== app.name) return 'token appname mismatch';
  if ((claims['appvers'] ?? '') !== app.version) return 'token appvers mismatch';
  return undefined;
}

function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? 'none';
  } catch {
    return 'none';
  }
}

/** An RSA key from a PKIX public key or an X.509 certificate in PEM; undefined for anything else. */
function rsaKey(pem: string): KeyObject | undefined {
  // A private key would do for Node, but has no business here.
  if (!/-----BEGIN (PUBLIC KEY|CERTIFICATE)-----/.test(pem)) return undefined;
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss' ? key : undefined;
  } catch {
    return undefined;
  }
}
