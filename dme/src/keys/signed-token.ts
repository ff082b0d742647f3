import { createHmac, timingSafeEqual } from 'node:crypto';
import { type EdgeplaneError, fail } from '@edgeplane/base';
import { dmeErrors } from '../errors.js';
import { parseClaims, timeFault } from '../token-claims.js';
import type { CookieKeys } from './cookie-keys.js';

/** What a token of ours says, verified. */
export interface SignedClaims {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Its member `key`, where the key id is, too. */
  readonly key: Readonly<Record<string, unknown>>;
  readonly kid: number;
  /** Unix seconds through which it is good. */
  readonly exp: number;
}

const ALGORITHM = 'HS512';
const HEADER = base64({ alg: ALGORITHM, typ: 'JWT' });

/**
 * Makes a JWT signed with HMAC-SHA512 by the newest key, whose id goes into its member `key`, after `key`'s own
 * members (match engine spec section 3.2). `iat` and `exp` are Unix seconds.
 * @throws EdgeplaneError NO_SIGNING_KEY
 */
export function signToken(
  keys: CookieKeys,
  {
    exp,
    iat,
    key,
    ...rest
  }: { readonly exp: number; readonly iat: number; readonly key: object; readonly group?: object },
): string {
  if (!keys.signing) throw fail(dmeErrors.NO_SIGNING_KEY);
  const payload = { exp, iat, key: { ...key, kid: keys.signing.kid }, ...rest };
  const text = `${HEADER}.${base64(payload)}`;
  return `${text}.${createHmac('sha512', keys.signing.key).update(text).digest('base64url')}`;
}

/**
 * Checks a token: form, algorithm, key id, signature, then times (match engine spec section 3.3). Depends on nothing but
 * its arguments. `now` is Unix seconds.
 * @throws EdgeplaneError BAD_COOKIE naming the first fault
 */
export function readToken(token: string, keys: CookieKeys, now: number): SignedClaims {
  if (token === '') throw bad('VerifyCookie failed: missing cookie');
  const [header, payload, signature, ...more] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
    throw bad('token contains an invalid number of segments');
  if (header !== HEADER) checkHeader(header);
  const claims = parseClaims(Buffer.from(payload, 'base64url'));
  if (!claims) throw bad('token is malformed');
  const key = claims['key'];
  if (typeof key !== 'object' || key === null) throw bad('No Key data in cookie');
  const kid = kidOf(key);
  const secret = keys.find(kid);
  if (!secret) throw bad(`VerifyCookie failed: no secret for kid ${kid}`);
  const expected = createHmac('sha512', secret).update(`${header}.${payload}`).digest('base64url');
  if (!equal(signature, expected)) throw bad('signature is invalid');
  if (claims['exp'] === undefined) throw bad('token has no expiry');
  const fault = timeFault(claims, now);
  if (fault !== undefined) throw bad(fault);
  return { claims, key: key as SignedClaims['key'], kid, exp: claims['exp'] as number };
}

/** The key id that a token names, unverified; 0 when it names none. */
export function kidIn(token: string): number {
  const claims = parseClaims(Buffer.from(token.split('.')[1] ?? '', 'base64url'));
  const key = claims?.['key'];
  return typeof key === 'object' && key !== null ? kidOf(key) : 0;
}

function kidOf(key: object): number {
  const { kid } = key as { readonly kid?: unknown };
  return typeof kid === 'number' ? kid : 0;
}

function checkHeader(text: string): void {
  const header = parseClaims(Buffer.from(text, 'base64url'));
  if (!header) throw bad('token is malformed');
  if (header['crit'] !== undefined) throw bad('token has a header that must be understood');
  const alg = header['alg'] ?? 'none';
  if (alg !== ALGORITHM) throw bad(`signing method ${String(alg)} is invalid`);
}

/** Compares the texts, so that a signature has one spelling. */
function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function bad(reason: string): EdgeplaneError {
  return fail(dmeErrors.BAD_COOKIE, { reason });
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
