import { type Clock, type EdgeplaneError, fail } from '@edgeplane/base';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { CompactSign, compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import type { CookieKeys } from './cookie-keys.js';
import { dmeErrors } from './errors.js';
import { parseClaims, timeFault } from './token-claims.js';

/** What a cookie says of its client. */
export interface Session {
  readonly app: AppKey;
  /** Address the client registered from; told, never checked. */
  readonly peerIp: string;
}

/** The cookie's own claim, with unset members left out (match engine spec section 3.2). */
interface KeyClaim {
  readonly peerip?: string;
  readonly devname?: string;
  readonly appname?: string;
  readonly appvers?: string;
  readonly kid?: number;
}

const ALGORITHM = 'HS512';

/** Issues and checks session cookies: JWTs signed with HMAC-SHA512 (match engine spec sections 3.2 and 3.3). */
export class Sessions {
  readonly #keys: CookieKeys;
  readonly #clock: Clock;
  readonly #lifetimeS: number;

  /** `lifetimeMs` is counted in whole seconds. */
  constructor(keys: CookieKeys, clock: Clock, lifetimeMs: number) {
    this.#keys = keys;
    this.#clock = clock;
    this.#lifetimeS = Math.floor(lifetimeMs / 1000);
  }

  /** @throws EdgeplaneError NO_SIGNING_KEY. */
  async issue({ app, peerIp }: Session): Promise<string> {
    const { signing } = this.#keys;
    if (!signing) throw fail(dmeErrors.NO_SIGNING_KEY);
    const now = this.#now();
    const key: KeyClaim = {
      ...(peerIp && { peerip: peerIp }),
      ...(app.developerKey?.name && { devname: app.developerKey.name }),
      ...(app.name && { appname: app.name }),
      ...(app.version && { appvers: app.version }),
      kid: signing.kid,
    };
    const payload = JSON.stringify({ exp: now + this.#lifetimeS, iat: now, key });
    return new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .sign(signing.key);
  }

  /**
   * Checks a cookie: form, algorithm, key id, signature, then times.
   * @throws EdgeplaneError BAD_COOKIE naming the first fault.
   */
  async verify(cookie: string): Promise<Session> {
    if (cookie === '') throw bad('VerifyCookie failed: missing cookie');
    if (cookie.split('.').length !== 3) throw bad('token contains an invalid number of segments');
    const kid = this.#peek(cookie);
    const key = this.#keys.find(kid);
    if (!key) throw bad(`VerifyCookie failed: no secret for kid ${kid}`);
    const payload = await compactVerify(cookie, key, { algorithms: [ALGORITHM] }).then(
      (verified) => verified.payload,
      () => undefined,
    );
    if (!payload) throw bad('signature is invalid');
    const claims = parseClaims(payload);
    const claim = claims?.['key'] as KeyClaim | undefined;
    if (!claims || typeof claim !== 'object' || claim === null) throw bad('No Key data in cookie');
    if (claims['exp'] === undefined) throw bad('token has no expiry');
    const fault = timeFault(claims, this.#now());
    if (fault !== undefined) throw bad(fault);
    return {
      app: {
        developerKey: { name: text(claim.devname) },
        name: text(claim.appname),
        version: text(claim.appvers),
      },
      peerIp: text(claim.peerip),
    };
  }

  /** The key id that an unverified cookie names. */
  #peek(cookie: string): number {
    let alg: unknown;
    let claim: KeyClaim | null | undefined;
    try {
      alg = decodeProtectedHeader(cookie).alg;
      claim = decodeJwt(cookie)['key'] as KeyClaim | null | undefined;
    } catch {
      throw bad('token is malformed');
    }
    if (alg !== ALGORITHM) throw bad(`signing method ${String(alg)} is invalid`);
    if (typeof claim !== 'object' || claim === null) throw bad('No Key data in cookie');
    return typeof claim.kid === 'number' ? claim.kid : 0;
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

function bad(reason: string): EdgeplaneError {
  return fail(dmeErrors.BAD_COOKIE, { reason });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
