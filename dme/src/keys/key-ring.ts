import { type CookieKeys, type CookieSecret, cookieKeys } from './cookie-keys.js';
import { kidIn } from './signed-token.js';

/** Where cookie keys come from. */
export interface KeySource {
  /** Begins to hand over sets of keys, each in place of the last one. @throws EdgeplaneError when it never can. */
  start(take: (secrets: readonly CookieSecret[]) => void): void | Promise<void>;
  /** Looks for newer keys if it has not just done so; resolves when that is over, whatever came of it. */
  refresh(): Promise<void>;
  stop(): Promise<void>;
}

/** The keys as they are now. A set is replaced as a whole. */
export class KeyRing {
  readonly #source: KeySource | undefined;
  #keys: CookieKeys;

  constructor(source: KeySource | undefined, keys: CookieKeys = cookieKeys([])) {
    this.#source = source;
    this.#keys = keys;
  }

  get keys(): CookieKeys {
    return this.#keys;
  }

  /** @throws EdgeplaneError of the source. */
  async start(): Promise<void> {
    await this.#source?.start((secrets) => {
      this.#keys = cookieKeys(secrets);
    });
  }

  /** The keys, after a look for newer ones when `kid` is newer than all of them. */
  async keysFor(kid: number): Promise<CookieKeys> {
    if (kid > this.#keys.newest) await this.#source?.refresh();
    return this.#keys;
  }

  async stop(): Promise<void> {
    await this.#source?.stop();
  }
}

/**
 * What `check` makes of the keys; when it throws and the token names a key newer than all of them, what it makes of them
 * after a look for newer ones. A promise only then.
 */
export function withKeysFor<T>(ring: KeyRing, token: string, check: (keys: CookieKeys) => T): T | Promise<T> {
  const { keys } = ring;
  try {
    return check(keys);
  } catch (error) {
    const kid = kidIn(token);
    if (kid <= keys.newest) throw error;
    return ring.keysFor(kid).then(check);
  }
}
