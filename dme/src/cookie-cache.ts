import type { CookieKeys } from './keys/cookie-keys.js';
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
 * says is what a check would say: it forgets what has expired, and everything when the keys change. Bounded: there are two
 * generations, and when the younger is full the older goes with all that was not shown since.
 */
export class CookieCache {
  readonly #check: CookieCheck;
  readonly #most: number;
  #young = new Map<string, Known>();
  #old: ReadonlyMap<string, Known> = new Map();

  /** `most`: cookies in each of the two generations. */
  constructor(check: CookieCheck, most: number) {
    this.#check = check;
    this.#most = most;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** What a check would give, if that is known. */
  find(cookie: string, keys: CookieKeys, now: number): CheckedCookie | undefined {
    const young = this.#young.get(cookie);
    const known = young ?? this.#old.get(cookie);
    // Of a time before it was checked it is not known whether it was issued by then.
    if (!known || known.keys !== keys || now < known.at || now > known.checked.exp) return undefined;
    if (!young) this.#put(cookie, known);
    return known.checked;
  }

  /** As the check itself, which is made unless its outcome is known. */
  check(cookie: string, keys: CookieKeys, now: number): CheckedCookie {
    const known = this.find(cookie, keys, now);
    if (known) return known;
    this.#young.delete(cookie);
    const checked = this.#check(cookie, keys, now);
    this.#put(cookie, { checked, keys, at: now });
    return checked;
  }

  #put(cookie: string, known: Known): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(cookie, known);
  }
}
