import { type Clock, fail } from '@edgeplane/base';
import type { AppKey } from '@edgeplane/proto/edgeproto/app.js';
import { CookieCache } from './cookie-cache.js';
import { dmeErrors } from './errors.js';
import type { CookieKeys } from './keys/cookie-keys.js';
import { type KeyRing, withKeysFor } from './keys/key-ring.js';
import { readToken, signToken } from './keys/signed-token.js';

/** What a cookie says of its client. */
export interface Session {
  readonly app: AppKey;
  /** Address the client registered from; told, never checked. */
  readonly peerIp: string;
}

/** A cookie that is good, and how long that can be relied on. */
export interface CheckedCookie {
  readonly session: Session;
  /** Unix seconds through which it is good. */
  readonly exp: number;
  /** The key it was signed with; it is good only as long as that is there. */
  readonly kid: number;
}

/** Cookies that are remembered; a cookie with what it says takes about 1 kB. */
const REMEMBERED = 20_000;

/** Issues and checks session cookies: JWTs signed with HMAC-SHA512 (match engine spec sections 3.2 and 3.3). */
export class Sessions {
  readonly #ring: KeyRing;
  readonly #clock: Clock;
  readonly #lifetimeS: number;
  readonly #cache = new CookieCache(checkCookie, REMEMBERED);

  /** `lifetimeMs` is counted in whole seconds. */
  constructor(ring: KeyRing, clock: Clock, lifetimeMs: number) {
    this.#ring = ring;
    this.#clock = clock;
    this.#lifetimeS = Math.floor(lifetimeMs / 1000);
  }

  /** @throws EdgeplaneError NO_SIGNING_KEY. */
  issue({ app, peerIp }: Session): string {
    const now = unixSeconds(this.#clock);
    // Members that are not set are left out.
    const key = {
      ...(peerIp && { peerip: peerIp }),
      ...(app.developerKey?.name && { devname: app.developerKey.name }),
      ...(app.name && { appname: app.name }),
      ...(app.version && { appvers: app.version }),
    };
    return signToken(this.#ring.keys, { exp: now + this.#lifetimeS, iat: now, key });
  }

  /**
   * Checks a cookie, after a look for newer keys if it was signed with one. At once when it is known; then nothing is thrown.
   * @throws EdgeplaneError BAD_COOKIE naming the first fault.
   */
  verify(cookie: string): Session | Promise<Session> {
    const now = unixSeconds(this.#clock);
    const known = this.#cache.find(cookie, this.#ring.keys, now);
    return known?.session ?? this.check(cookie).then(({ session }) => session);
  }

  /** The same with how long it is good. */
  async check(cookie: string): Promise<CheckedCookie> {
    const check = (keys: CookieKeys) => this.#cache.check(cookie, keys, unixSeconds(this.#clock));
    return withKeysFor(this.#ring, cookie, check);
  }
}

/**
 * Checks a cookie against keys at a time (Unix seconds), and nothing else.
 * @throws EdgeplaneError BAD_COOKIE naming the first fault.
 */
export function checkCookie(cookie: string, keys: CookieKeys, now: number): CheckedCookie {
  const { claims, key, kid, exp } = readToken(cookie, keys, now);
  // Signed with the same keys, for something else.
  if (claims['group'] !== undefined) throw fail(dmeErrors.BAD_COOKIE, { reason: 'No session in cookie' });
  const app = {
    developerKey: { name: text(key['devname']) },
    name: text(key['appname']),
    version: text(key['appvers']),
  };
  return { session: { app, peerIp: text(key['peerip']) }, exp, kid };
}

/** What token times are in. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
