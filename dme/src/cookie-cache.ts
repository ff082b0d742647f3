import type { CookieKeys } from './keys/cookie-keys.js';
import { Recent } from './recent.js';
import type { CheckedCookie } from './sessions.js';

interface Known {
  readonly checked: CheckedCookie;
  /** The keys it was checked against: others may not have its key, or another one of that id. */
  readonly keys: CookieKeys;
  /** When it was checked, Unix seconds. */
  readonly at: number;
}

/** Checks a cookie against keys at a time, Unix seconds; throws when it is not good. */
export type CookieCheck = (cookie: string, keys: CookieKeys, now: number) => CheckedCookie;

/**
 * Remembers cookies that were good, since clients show theirs with every call: a look takes a fraction of a check. What it
 * says is what a check would say: it forgets what has expired, and everything when the keys change.
 */
export class CookieCache {
  readonly #check: CookieCheck;
  readonly #known: Recent<string, Known>;

  /** `most`: cookies that it may remember. */
  constructor(check: CookieCheck, most: number) {
    this.#check = check;
    this.#known = new Recent(Math.max(1, Math.floor(most / 2)));
  }

  get size(): number {
    return this.#known.size;
  }

  /** What a check would give, if that is known. */
  find(cookie: string, keys: CookieKeys, now: number): CheckedCookie | undefined {
    const known = this.#known.get(cookie);
    // Of a time before it was checked it is not known whether it was issued by then.
    if (!known || known.keys !== keys || now < known.at || now > known.checked.exp) return undefined;
    return known.checked;
  }

  /** As the check itself, which is made unless its outcome is known. */
  check(cookie: string, keys: CookieKeys, now: number): CheckedCookie {
    const known = this.find(cookie, keys, now);
    if (known) return known;
    this.#known.delete(cookie);
    const checked = this.#check(cookie, keys, now);
    this.#known.set(cookie, { checked, keys, at: now });
    return checked;
  }
}
